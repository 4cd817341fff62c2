//! The model's tokenizer, and the layout of its input.
//!
//! The `tokenizers` crate does the splitting; special tokens are placed here, after the template
//! that the tokenizer itself shows for a pair, so that a long sentence can be cut into windows
//! that each carry the same context.

use std::ops::Range;

use tokenizers::tokenizer::Tokenizer as HfTokenizer;

/// One sequence of token ids with its segment ids; both have the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Encoded {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Segment ids: 0 for the context (or a lone sentence), 1 for the sentence of a pair.
    pub type_ids: Vec<u32>,
}

/// The sequences that a sentence became: one, or overlapping windows of a long sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// At least one sequence, in order.
    pub windows: Vec<Encoded>,
}

/// A token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// How the vocabulary writes it.
    pub piece: String,
    /// The bytes of the text that it stands for; `None` for a special token.
    pub range: Option<Range<usize>>,
}

/// A tokenizer that cannot be used with the model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file is no tokenizer.
    #[error("tokenizer.json: {0}")]
    Invalid(String),
    /// The vocabulary does not fit the embedding table.
    #[error("tokenizer.json: token id {max_id} is outside the model's vocabulary of {vocab_size}")]
    Vocabulary {
        /// The largest id.
        max_id: u32,
        /// Rows of the embedding table.
        vocab_size: usize,
    },
    /// A text could not be tokenised.
    #[error("cannot tokenise a sentence: {0}")]
    Text(String),
}

/// Special tokens around one or two segments.
#[derive(Debug, Clone, Default)]
struct Template {
    before: Encoded,
    between: Encoded,
    after: Encoded,
    first_type: u32,
    second_type: u32,
}

impl Template {
    fn specials(&self) -> usize {
        self.before.ids.len() + self.between.ids.len() + self.after.ids.len()
    }
}

/// A tokenizer with its input layout and limits.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: HfTokenizer,
    single: Template,
    pair: Template,
    max_tokens: usize,
    max_context_tokens: usize,
}

impl Tokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// `max_tokens` bounds a whole sequence and `max_context_tokens` its context; truncation and
    /// padding that the file asks for are switched off, and the text of special tokens inside a
    /// sentence is read as plain text.
    ///
    /// # Errors
    /// [`TokenizerError`] when the file is malformed or has ids outside `vocab_size`.
    pub fn from_json(
        bytes: &[u8],
        vocab_size: usize,
        max_tokens: usize,
        max_context_tokens: usize,
    ) -> Result<Self, TokenizerError> {
        let invalid = |e: tokenizers::Error| TokenizerError::Invalid(first_line(&e.to_string()));
        let mut inner = HfTokenizer::from_bytes(bytes).map_err(invalid)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(invalid)?;
        let max_id = inner.get_vocab(true).into_values().max().unwrap_or(0);
        if max_id as usize >= vocab_size {
            return Err(TokenizerError::Vocabulary { max_id, vocab_size });
        }
        let single = Self::template(&inner, false)?;
        let pair = Self::template(&inner, true)?;
        inner.set_encode_special_tokens(true);
        let specials = single.specials().max(pair.specials());
        if max_tokens < specials + max_context_tokens + 8 {
            return Err(TokenizerError::Invalid(format!(
                "a limit of {max_tokens} tokens leaves no room for a sentence"
            )));
        }
        Ok(Self { inner, single, pair, max_tokens, max_context_tokens })
    }

    /// Learns where special tokens go by encoding a probe.
    fn template(inner: &HfTokenizer, is_pair: bool) -> Result<Template, TokenizerError> {
        let probe = if is_pair { inner.encode(("a", "a"), true) } else { inner.encode("a", true) }
            .map_err(|e| TokenizerError::Invalid(first_line(&e.to_string())))?;
        let mut template = Template::default();
        let mut segments = 0;
        let mut in_text = false;
        let special = probe.get_special_tokens_mask();
        for ((&id, &type_id), &is_special) in
            probe.get_ids().iter().zip(probe.get_type_ids()).zip(special)
        {
            if is_special == 0 {
                if !in_text {
                    segments += 1;
                    if segments == 1 {
                        template.first_type = type_id;
                    } else {
                        template.second_type = type_id;
                    }
                }
                in_text = true;
                continue;
            }
            in_text = false;
            let part = match segments {
                0 => &mut template.before,
                1 if is_pair => &mut template.between,
                _ => &mut template.after,
            };
            part.ids.push(id);
            part.type_ids.push(type_id);
        }
        // Byte-level tokenizers join the two probes when nothing stands between them.
        if segments == if is_pair { 2 } else { 1 } {
            Ok(template)
        } else {
            Err(TokenizerError::Invalid("its post-processor does not separate a pair".to_owned()))
        }
    }

    /// Token ids of a text without special tokens.
    fn ids(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|e| TokenizerError::Text(first_line(&e.to_string())))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Encodes a sentence with its context (empty for none).
    ///
    /// A sequence over the limit becomes windows that overlap by a quarter and each carry the
    /// context. A sentence without any token gives one window of special tokens only.
    ///
    /// # Errors
    /// [`TokenizerError::Text`] when the tokenizer fails.
    pub fn encode(&self, text: &str, context: &str) -> Result<Windows, TokenizerError> {
        let sentence = self.ids(text)?;
        let context = self.context(context)?;
        let room = self.room(&context);
        let stride = (room - room / 4).max(1);
        let mut windows = Vec::new();
        let mut start = 0;
        loop {
            let end = sentence.len().min(start + room);
            windows.push(self.assemble(&context, &sentence[start..end]));
            if end == sentence.len() {
                return Ok(Windows { windows });
            }
            start += stride;
        }
    }

    /// As [`Tokenizer::encode`], but of a sentence over the limit only the first tokens that fit
    /// are read, or the last ones with `keep_end`.
    ///
    /// # Errors
    /// [`TokenizerError::Text`] when the tokenizer fails.
    pub fn encode_cut(
        &self,
        text: &str,
        context: &str,
        keep_end: bool,
    ) -> Result<Encoded, TokenizerError> {
        let sentence = self.ids(text)?;
        let context = self.context(context)?;
        let room = self.room(&context).min(sentence.len());
        let start = if keep_end { sentence.len() - room } else { 0 };
        Ok(self.assemble(&context, &sentence[start..start + room]))
    }

    /// Tokens of a text with where they stand in it, special tokens around them if asked for.
    ///
    /// # Errors
    /// [`TokenizerError::Text`] when the tokenizer fails.
    pub fn tokens(&self, text: &str, with_special: bool) -> Result<Vec<Token>, TokenizerError> {
        let encoding = self
            .inner
            .encode(text, with_special)
            .map_err(|e| TokenizerError::Text(first_line(&e.to_string())))?;
        let parts = encoding.get_ids().iter().zip(encoding.get_offsets());
        Ok(parts
            .zip(encoding.get_tokens().iter().zip(encoding.get_special_tokens_mask()))
            .map(|((&id, &(start, end)), (piece, &special))| Token {
                id,
                piece: piece.clone(),
                range: (special == 0).then_some(start..end),
            })
            .collect())
    }

    /// Most tokens of a sequence, context and special tokens included.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Token ids of a context, cut to its limit.
    fn context(&self, context: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut context = if context.is_empty() { Vec::new() } else { self.ids(context)? };
        // The end of a lead-in ("... to provide the service, we share data with:") says most.
        context.drain(..context.len().saturating_sub(self.max_context_tokens));
        Ok(context)
    }

    /// How many sentence tokens fit beside the context.
    fn room(&self, context: &[u32]) -> usize {
        let template = if context.is_empty() { &self.single } else { &self.pair };
        self.max_tokens.saturating_sub(template.specials() + context.len()).max(1)
    }

    fn assemble(&self, context: &[u32], sentence: &[u32]) -> Encoded {
        let mut out = Encoded::default();
        let mut push = |ids: &[u32], types: &[u32], fill: u32| {
            out.ids.extend_from_slice(ids);
            if types.is_empty() {
                out.type_ids.extend(std::iter::repeat_n(fill, ids.len()));
            } else {
                out.type_ids.extend_from_slice(types);
            }
        };
        if context.is_empty() {
            let t = &self.single;
            push(&t.before.ids, &t.before.type_ids, 0);
            push(sentence, &[], t.first_type);
            push(&t.after.ids, &t.after.type_ids, 0);
        } else {
            let t = &self.pair;
            push(&t.before.ids, &t.before.type_ids, 0);
            push(context, &[], t.first_type);
            push(&t.between.ids, &t.between.type_ids, 0);
            push(sentence, &[], t.second_type);
            push(&t.after.ids, &t.after.type_ids, 0);
        }
        out
    }

    /// The tokenizer's file, for writing a model folder.
    ///
    /// # Errors
    /// [`TokenizerError::Invalid`] when it cannot be serialised.
    pub fn to_json(&self) -> Result<String, TokenizerError> {
        self.inner.to_string(false).map_err(|e| TokenizerError::Invalid(e.to_string()))
    }

    /// Whether the layout of a sequence puts this id around its segments.
    pub fn is_layout(&self, id: u32) -> bool {
        let parts = [&self.single, &self.pair].map(|t| [&t.before, &t.between, &t.after]);
        parts.iter().flatten().any(|part| part.ids.contains(&id))
    }

    /// The id of a special or ordinary token.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}
