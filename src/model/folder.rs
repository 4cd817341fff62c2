//! Where a model comes from: the binary itself, a folder, or the Hugging Face Hub.
//!
//! Only four fixed file names are ever read, so nothing in a model can point elsewhere. The digest
//! over their bytes names the model in every result.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::ModelError;
#[cfg(feature = "embedded-model")]
use super::weights::joined;
use crate::digest::hex;

/// A file's name and its limit in bytes.
pub(super) type Limited = (&'static str, u64);
pub(super) const CONFIG: Limited = ("config.json", 64 << 10);
pub(super) const TOKENIZER: Limited = ("tokenizer.json", 16 << 20);
pub(super) const WEIGHTS: Limited = ("model.safetensors", 4 << 30);
/// Files of a model folder in digest order.
const FILES: [Limited; 4] = [CONFIG, TOKENIZER, WEIGHTS, ("fineprint.json", 1 << 20)];

/// Where to take a model from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The model compiled into the binary.
    Embedded,
    /// The smaller model compiled into the binary: fewer layers on the same embeddings.
    Fast,
    /// A folder.
    Folder(PathBuf),
    /// A repository on the Hugging Face Hub.
    Hub {
        /// `owner/name`.
        repo: String,
        /// Branch, tag or commit.
        revision: String,
    },
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Fast => f.write_str("fast"),
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Hub { repo, revision } => write!(f, "hf:{repo}@{revision}"),
        }
    }
}

impl FromStr for ModelSource {
    type Err = ModelError;

    /// Reads `embedded`, `fast`, `hf:owner/name`, `hf:owner/name@revision`, or a path.
    fn from_str(given: &str) -> Result<Self, ModelError> {
        let bad =
            |reason: &str| ModelError::BadSource { given: given.to_owned(), reason: reason.into() };
        match given {
            "embedded" => return Ok(Self::Embedded),
            "fast" => return Ok(Self::Fast),
            _ => {}
        }
        let Some(rest) = given.strip_prefix("hf:") else {
            return if given.is_empty() {
                Err(bad("it is empty"))
            } else {
                Ok(Self::Folder(given.into()))
            };
        };
        let (repo, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        // These become parts of paths and URLs, so the character set is strict.
        let is_plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 96
                && !part.starts_with('.')
                && !part.contains("..")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        match repo.split('/').collect::<Vec<_>>().as_slice() {
            [owner, name] if is_plain(owner) && is_plain(name) => {}
            _ => return Err(bad("a hub model is hf:owner/name of letters, digits, `.`, `_`, `-`")),
        }
        if !revision.split('/').all(is_plain) {
            return Err(bad("the revision is no branch, tag or commit"));
        }
        Ok(Self::Hub { repo: repo.to_owned(), revision: revision.to_owned() })
    }
}

/// The bytes of a model's files.
#[derive(Clone)]
pub struct ModelFiles {
    /// `config.json`.
    pub config: Cow<'static, [u8]>,
    /// `tokenizer.json`.
    pub tokenizer: Cow<'static, [u8]>,
    /// `model.safetensors`.
    pub weights: Cow<'static, [u8]>,
    /// `fineprint.json`, where the folder has one.
    pub settings: Option<Cow<'static, [u8]>>,
    /// Where they came from, for people: `embedded`, a path, `hf:owner/name@revision`.
    pub origin: String,
}

impl fmt::Debug for ModelFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFiles").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl ModelFiles {
    /// Reads the files of a source.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, too large or unreadable, or the feature that the
    /// source needs (`embedded-model`, `hub`) was left out of this build.
    pub fn read(source: &ModelSource) -> Result<Self, ModelError> {
        match source {
            ModelSource::Embedded => Self::embedded(),
            ModelSource::Fast => Self::fast(),
            ModelSource::Folder(path) => Self::folder(path, path.display().to_string()),
            ModelSource::Hub { repo, revision } => hub(repo, revision, &source.to_string()),
        }
    }

    #[cfg(feature = "embedded-model")]
    #[expect(clippy::unnecessary_wraps, reason = "the build without the feature fails here")]
    fn embedded() -> Result<Self, ModelError> {
        Ok(Self {
            config: Cow::Borrowed(include_bytes!("../../model/config.json")),
            tokenizer: Cow::Borrowed(include_bytes!("../../model/tokenizer.json")),
            weights: Cow::Borrowed(include_bytes!("../../model/model.safetensors")),
            settings: Some(Cow::Borrowed(include_bytes!("../../model/fineprint.json"))),
            origin: ModelSource::Embedded.to_string(),
        })
    }

    #[cfg(feature = "embedded-model")]
    fn fast() -> Result<Self, ModelError> {
        let whole = Self::embedded()?;
        let own = include_bytes!("../../model/fast/model.safetensors");
        Ok(Self {
            config: Cow::Borrowed(include_bytes!("../../model/fast/config.json")),
            weights: Cow::Owned(joined(&whole.weights, own)?),
            settings: Some(Cow::Borrowed(include_bytes!("../../model/fast/fineprint.json"))),
            origin: ModelSource::Fast.to_string(),
            ..whole
        })
    }

    #[cfg(not(feature = "embedded-model"))]
    fn embedded() -> Result<Self, ModelError> {
        Err(not_embedded(&ModelSource::Embedded))
    }

    #[cfg(not(feature = "embedded-model"))]
    fn fast() -> Result<Self, ModelError> {
        Err(not_embedded(&ModelSource::Fast))
    }

    /// Reads the files of a folder; `origin` is what results call it.
    fn folder(path: &Path, origin: String) -> Result<Self, ModelError> {
        if !path.is_dir() {
            return Err(ModelError::BadSource {
                given: origin,
                reason: "there is no such folder".to_owned(),
            });
        }
        let [config, tokenizer, weights, settings] =
            FILES.map(|file| read_limited(&path.join(file.0), file));
        let settings = match settings {
            Err(ModelError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                None
            }
            other => Some(Cow::Owned(other?)),
        };
        Ok(Self {
            config: Cow::Owned(config?),
            tokenizer: Cow::Owned(tokenizer?),
            weights: Cow::Owned(weights?),
            settings,
            origin,
        })
    }

    /// SHA-256 over names, lengths and bytes of the files, in hexadecimal.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, bytes) in self.each() {
            hash.update(name.as_bytes());
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        hex(hash.finalize())
    }

    /// The files that there are, each with its name, in the order of the digest.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let parts = [
            Some(&self.config),
            Some(&self.tokenizer),
            Some(&self.weights),
            self.settings.as_ref(),
        ];
        FILES.iter().zip(parts).filter_map(|((name, _), bytes)| Some((*name, &**bytes?)))
    }
}

#[cfg(not(feature = "embedded-model"))]
fn not_embedded(source: &ModelSource) -> ModelError {
    ModelError::BadSource {
        given: source.to_string(),
        reason: "this build has no embedded model".to_owned(),
    }
}

/// Reads a whole file of at most its limit.
pub(super) fn read_limited(path: &Path, (name, limit): Limited) -> Result<Vec<u8>, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::with_capacity(size.min(limit) as usize);
    // One byte more tells a file that is, or grows, over the limit.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        let bytes = size.max(limit + 1);
        return Err(ModelError::TooLarge { file: name.to_owned(), bytes, limit });
    }
    Ok(bytes)
}

#[cfg(not(feature = "hub"))]
fn hub(_repo: &str, _revision: &str, origin: &str) -> Result<ModelFiles, ModelError> {
    Err(ModelError::BadSource {
        given: origin.to_owned(),
        reason: "this build has no hub support".to_owned(),
    })
}

/// Fetches (or finds in the cache) the files of a hub repository.
///
/// `HF_HOME`, `HF_ENDPOINT` and `HF_TOKEN` are honoured; with `HF_HUB_OFFLINE` set only the cache
/// is asked.
#[cfg(feature = "hub")]
fn hub(repo: &str, revision: &str, origin: &str) -> Result<ModelFiles, ModelError> {
    use hf_hub::api::sync::{ApiBuilder, ApiError};
    use hf_hub::{Cache, Repo, RepoType};

    let fail = |file: &str, reason: String| ModelError::Hub {
        repo: origin.to_owned(),
        file: file.to_owned(),
        reason,
    };
    let handle = Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned());
    let is_set = |name: &str| {
        std::env::var(name).is_ok_and(|v| !matches!(v.as_str(), "" | "0" | "false" | "no" | "off"))
    };
    let mut folder = None;
    if is_set("HF_HUB_OFFLINE") {
        let cached = Cache::from_env().repo(handle);
        for (name, _) in &FILES[..3] {
            let path = cached.get(name).ok_or_else(|| {
                fail(name, "HF_HUB_OFFLINE is set and the cache does not have it".to_owned())
            })?;
            folder = path.parent().map(Path::to_owned);
        }
    } else {
        let mut builder = ApiBuilder::from_env().with_progress(false);
        if let Ok(token) = std::env::var("HF_TOKEN") {
            builder = builder.with_token(Some(token));
        }
        let api = builder.build().map_err(|e| fail("config.json", e.to_string()))?.repo(handle);
        for (i, (name, _)) in FILES.iter().enumerate() {
            match api.get(name) {
                Ok(path) => folder = path.parent().map(Path::to_owned),
                // Only fineprint.json may be absent, and only a clear "not found" says so.
                Err(ApiError::RequestError(e)) if i == 3 && e.to_string().contains("404") => {}
                Err(e) => return Err(fail(name, e.to_string())),
            }
        }
    }
    let folder = folder.ok_or_else(|| fail("config.json", "no file was found".to_owned()))?;
    ModelFiles::folder(&folder, origin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_and_hostile_ones_refused() {
        let parse = |s: &str| s.parse::<ModelSource>();
        assert_eq!(parse("embedded").unwrap(), ModelSource::Embedded);
        assert_eq!(parse("fast").unwrap(), ModelSource::Fast);
        assert_eq!(parse("./model").unwrap(), ModelSource::Folder("./model".into()));
        let hub = parse("hf:acme/tos@v1.2").unwrap();
        assert_eq!(hub.to_string(), "hf:acme/tos@v1.2");
        assert_eq!(parse("hf:acme/tos").unwrap().to_string(), "hf:acme/tos@main");
        for bad in [
            "",
            "hf:",
            "hf:tos",
            "hf:a/b/c",
            "hf:../x",
            "hf:a/..",
            "hf:a/b@../../x",
            "hf:a/b@",
            "hf:a\\b/c",
        ] {
            assert!(matches!(parse(bad), Err(ModelError::BadSource { .. })), "{bad}");
        }
    }

    #[test]
    fn a_missing_folder_or_file_is_named() {
        let error = ModelFiles::read(&ModelSource::Folder("no/such".into())).unwrap_err();
        assert!(error.to_string().contains("no/such"));
        let empty = tempfile::tempdir().unwrap();
        let error = ModelFiles::read(&ModelSource::Folder(empty.path().into())).unwrap_err();
        assert!(error.to_string().contains("config.json"), "{error}");
    }

    #[test]
    fn an_oversized_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), vec![b' '; (64 << 10) + 1]).unwrap();
        let error = ModelFiles::read(&ModelSource::Folder(folder.path().into())).unwrap_err();
        assert!(error.to_string().contains("limit"), "{error}");
    }
}
