//! The on-disk cache: hits to the bit, several processes, kills, damage, and what it must not mix.

use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use fineprint::cache::{Cache, CacheError};
use fineprint::classify::{Classifier, Options, Store, Work};
use fineprint::encode::{Batch, Encoded, Input};
use fineprint::model::{
    ENGINE_VERSION, Engine, FastEngine, Kernel, ModelConfig, ModelFiles, ModelSource, Numbers,
};

use crate::support::sandbox::{Run, Sandbox, fixture_model};

/// Every sentence and probability: two outputs are equal only when the results are.
const ALL: [&str; 6] =
    ["classify", "terms.md", "--format", "jsonl", "--all-sentences", "--probabilities"];

/// A document with a list under a lead-in, a repeated sentence, one over the model's limit, and
/// `count` others.
fn terms(count: usize) -> String {
    let long = "and we keep it for as long as the law of your country asks us to, ".repeat(20);
    let mut text = format!(
        "# Terms\n\nWe share your data with:\n\n- our partners;\n- nobody else.\n\n\
         We never sell it. We never sell it.\n\nWe store it {long}then we delete it.\n\n"
    );
    for i in 0..count {
        text += &format!("Clause {i} lets us change rule {} of chapter {}.\n\n", i * 7, i % 13);
    }
    text
}

fn sandbox(count: usize) -> Sandbox {
    Sandbox::with(&[("terms.md", &terms(count))])
}

fn run(sandbox: &Sandbox, extra: &[&str]) -> Run {
    let run = sandbox.run(&[&ALL[..], extra].concat());
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run
}

/// What the note on standard error says.
fn work(run: &Run) -> Work {
    let pattern = r"(\d+) inputs: (\d+) computed, (\d+) from the cache, (\d+) repeated";
    let note = regex::Regex::new(pattern).unwrap().captures(&run.stderr);
    let note = note.unwrap_or_else(|| panic!("no note of the cache in {:?}", run.stderr));
    let [all, computed, stored, repeated] = [1, 2, 3, 4].map(|i| note[i].parse::<u64>().unwrap());
    assert_eq!(all, computed + stored + repeated);
    Work { computed, repeated, stored }
}

fn refused(sandbox: &Sandbox) -> String {
    let run = sandbox.run(&[&ALL[..], &["--cache", "kept"]].concat());
    assert_eq!(run.status, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("kept") && !run.stderr.contains("panicked"), "{}", run.stderr);
    run.stderr
}

#[test]
fn the_second_run_computes_nothing_and_says_the_same() {
    let sandbox = sandbox(40);
    let plain = run(&sandbox, &[]);
    let first = run(&sandbox, &["--cache", "kept"]);
    let second = run(&sandbox, &["--cache", "kept"]);
    assert_eq!(plain.stdout, first.stdout);
    assert_eq!(plain.stdout, second.stdout);
    let (first, second) = (work(&first), work(&second));
    assert!(first.computed > 45 && first.stored == 0 && first.repeated > 0, "{first:?}");
    assert_eq!(second.computed, 0);
    assert_eq!(second.stored, first.computed);
    assert_eq!(sandbox.names(), ["kept", "terms.md"], "nothing else is left behind");
    // One sentence more is one input more, also for another number of threads.
    sandbox.write("terms.md", (terms(40) + "And this is new.\n").as_bytes());
    let third = run(&sandbox, &["--cache", "kept", "--threads", "1"]);
    assert_eq!(work(&third).computed, 1);
    assert_eq!(third.stdout, run(&sandbox, &[]).stdout);
}

#[test]
fn another_model_engine_or_kernel_gets_nothing() {
    let sandbox = sandbox(10);
    let all = work(&run(&sandbox, &["--cache", "kept"])).computed;
    let best = Kernel::best().as_str();
    let other_kernel = Kernel::Generic.as_str();
    assert_ne!(best, other_kernel, "the test machine has vectors");
    for extra in [&["--engine", "f32"][..], &["--engine", "candle"], &["--kernel", other_kernel]] {
        let with = [&["--cache", "kept"], extra].concat();
        let first = run(&sandbox, &with);
        assert_eq!(work(&first).computed, all, "{extra:?}");
        let second = run(&sandbox, &with);
        assert_eq!(work(&second).computed, 0, "{extra:?}");
        assert_eq!(first.stdout, second.stdout, "{extra:?}");
    }
    for file in ["config.json", "tokenizer.json", "model.safetensors", "fineprint.json"] {
        let bytes = std::fs::read(fixture_model().join(file)).unwrap();
        sandbox.write(format!("model/{file}"), &bytes);
    }
    let other = ["--cache", "kept", "--model", "model"];
    assert_eq!(work(&run(&sandbox, &other)).computed, 0, "a copy is the same model");
    let settings = sandbox.read("model/fineprint.json").replace("\"en\"", "\"en\" ");
    sandbox.write("model/fineprint.json", settings.as_bytes());
    assert_eq!(work(&run(&sandbox, &other)).computed, all);
    assert_eq!(work(&run(&sandbox, &["--cache", "kept"])).computed, 0, "the others stay");
}

fn spawn(sandbox: &Sandbox) -> Child {
    sandbox.command(&[&ALL[..], &["--cache", "kept", "--threads", "1"]].concat()).spawn().unwrap()
}

fn output(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn processes_at_once_share_one_file() {
    let sandbox = sandbox(3000);
    let plain = run(&sandbox, &[]).stdout;
    // The file is there for nobody yet: all four make it.
    let children: Vec<Child> = (0..4).map(|_| spawn(&sandbox)).collect();
    for child in children {
        let run = output(child);
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        assert!(!run.stderr.contains("warning"), "{}", run.stderr);
        assert!(run.stdout == plain);
    }
    let after = run(&sandbox, &["--cache", "kept"]);
    assert_eq!(work(&after).computed, 0);
    assert!(after.stdout == plain);
}

#[test]
fn processes_killed_at_any_time_leave_a_sound_file() {
    let sandbox = sandbox(3000);
    let plain = run(&sandbox, &[]).stdout;
    for i in 0..12u64 {
        let mut killed = spawn(&sandbox);
        let other = (i % 3 == 0).then(|| spawn(&sandbox));
        std::thread::sleep(Duration::from_millis(20 + i * 53 % 400));
        killed.kill().unwrap();
        killed.wait().unwrap();
        if let Some(other) = other {
            let run = output(other);
            assert_eq!(run.status, Some(0), "{}", run.stderr);
            assert!(run.stdout == plain, "beside a killed one, {i}");
        }
    }
    let after = run(&sandbox, &["--cache", "kept"]);
    assert!(!after.stderr.contains("warning"), "{}", after.stderr);
    assert!(after.stdout == plain);
    assert_eq!(work(&run(&sandbox, &["--cache", "kept"])).computed, 0);
}

#[test]
fn a_damaged_file_is_refused_by_name_or_does_no_harm() {
    let sandbox = sandbox(200);
    let plain = run(&sandbox, &[]).stdout;
    run(&sandbox, &["--cache", "kept"]);
    let sound = std::fs::read(sandbox.path().join("kept")).unwrap();
    for length in [1, 100, 5000, sound.len() / 2, sound.len() - 1] {
        sandbox.write("kept", &sound[..length]);
        assert!(refused(&sandbox).contains("remove it"));
        let after = std::fs::read(sandbox.path().join("kept")).unwrap();
        assert!(after == sound[..length], "a refused file is left as it was");
    }
    // One byte anywhere, one where the roots of the tree are, and one in every page after the first.
    let anywhere = (0..24usize).map(|i| vec![i * 7_919_113 % sound.len()]);
    let roots = (0..16usize).map(|i| vec![i * 2111 % 8192]);
    let pages = [4, 16, 40, 100, 300, 700, 1500, 2600]
        .map(|at| (1..sound.len() / 4096).map(|page| page * 4096 + at).collect());
    let mut told = 0;
    for (i, places) in anywhere.chain(roots).chain(pages).enumerate() {
        let mut damaged = sound.clone();
        places.iter().for_each(|&at| damaged[at] ^= 1 << (i % 8));
        sandbox.write("kept", &damaged);
        let run = sandbox.run(&[&ALL[..], &["--cache", "kept"]].concat());
        assert!(!run.stderr.contains("panicked"), "{places:?}: {}", run.stderr);
        match run.status {
            Some(0) => assert!(run.stdout == plain, "{places:?}"),
            Some(2) => told += usize::from(run.stderr.contains("kept: no cache, or a damaged")),
            other => panic!("{places:?}: {other:?} {}", run.stderr),
        }
    }
    assert!(told >= 4, "damage of what is in use is seen: {told}");
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let sandbox = sandbox(1);
    sandbox.write("kept", b"# Not a cache\n\nBut somebody's notes.\n");
    refused(&sandbox);
    assert!(sandbox.read("kept").contains("notes"));
    std::fs::remove_file(sandbox.path().join("kept")).unwrap();
    drop(redb::Database::create(sandbox.path().join("kept")).unwrap());
    assert!(refused(&sandbox).contains("another program"));
    std::fs::remove_file(sandbox.path().join("kept")).unwrap();
    std::fs::create_dir(sandbox.path().join("kept")).unwrap();
    refused(&sandbox);
}

#[test]
fn a_cache_that_cannot_be_used_is_a_warning() {
    let sandbox = sandbox(5);
    let plain = run(&sandbox, &[]);
    let nowhere = run(&sandbox, &["--cache", "no/such/folder/kept"]);
    assert!(nowhere.stderr.contains("warning: no cache: no/such/folder/kept"), "{nowhere:?}");
    assert_eq!(nowhere.stdout, plain.stdout);
    run(&sandbox, &["--cache", "kept"]);
    let lock = redb::Database::open(sandbox.path().join("kept")).unwrap();
    let locked = run(&sandbox, &["--cache", "kept"]);
    assert!(locked.stderr.contains("warning: no cache: kept: "), "{}", locked.stderr);
    assert_eq!(locked.stdout, plain.stdout);
    drop(lock);
    assert_eq!(work(&run(&sandbox, &["--cache", "kept"])).computed, 0);
}

#[test]
fn a_row_that_does_not_match_its_checksum_ends_the_use_of_the_file() {
    let sandbox = sandbox(5);
    let path = sandbox.path().join("kept");
    let plain = run(&sandbox, &[]);
    run(&sandbox, &["--cache", "kept"]);
    // Rows altered by a program that keeps the database itself sound.
    let table: redb::TableDefinition<'_, [u8; 32], &[u8]> = redb::TableDefinition::new("young");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(table).unwrap();
        table.retain(|_, _| false).unwrap();
        let row: Vec<u8> = [[0; 8].as_slice(), &1.5f32.to_le_bytes()].concat();
        let classifier = classifier();
        let recorder = Arc::new(Recorder::default());
        classifier.with_store(recorder.clone()).scores(&[Input::from("We sell it.")]).unwrap();
        table.insert(recorder.keys.lock().unwrap()[0], row.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    sandbox.write("terms.md", b"We sell it.\n");
    let bad = run(&sandbox, &["--cache", "kept"]);
    assert!(bad.stderr.contains("warning") && bad.stderr.contains("checksum"), "{}", bad.stderr);
    assert_eq!(bad.stdout, run(&sandbox, &[]).stdout);
    assert_ne!(bad.stdout, plain.stdout);
}

/// A store that keeps nothing but what it was asked for.
#[derive(Debug, Default)]
struct Recorder {
    keys: std::sync::Mutex<Vec<[u8; 32]>>,
}

impl Store for Recorder {
    fn get(&self, keys: &[[u8; 32]]) -> Vec<Option<Arc<[f32]>>> {
        self.keys.lock().unwrap().extend(keys);
        vec![None; keys.len()]
    }

    fn put(&self, _: Vec<([u8; 32], Arc<[f32]>)>) {}
}

fn classifier() -> Classifier {
    let source = ModelSource::Folder(fixture_model());
    Classifier::load(&source, &Options { threads: 1, ..Options::default() }).unwrap()
}

#[test]
fn a_library_counts_what_it_computes_and_keeps_it_across_classifiers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    let inputs = ["One.", "Two.", "One.", "Three."].map(Input::from);
    let expected = classifier().scores(&inputs).unwrap();
    let cache = Arc::new(Cache::open(&path, 1 << 20).unwrap());
    let first = classifier().with_store(cache.clone());
    assert_eq!(first.work(), Work::default());
    assert_eq!(first.scores(&inputs).unwrap(), expected);
    assert_eq!(first.work(), Work { computed: 3, repeated: 1, stored: 0 });
    assert!(cache.close().is_none());
    let cache = Arc::new(Cache::open(&path, 1 << 20).unwrap());
    let second = classifier().with_store(cache);
    assert_eq!(second.scores(&inputs).unwrap(), expected);
    assert_eq!(second.work(), Work { computed: 0, repeated: 1, stored: 3 });
}

#[test]
fn the_file_stays_under_its_limit_and_keeps_what_is_used() {
    const LIMIT: u64 = 4 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    let key = |n: u64| {
        let mut key = [0u8; 32];
        // Spread like hashes are.
        for (i, part) in key.chunks_exact_mut(8).enumerate() {
            let mixed = (n + i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
            part.copy_from_slice(&mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9).to_be_bytes());
        }
        key
    };
    let row = |n: u64| -> Arc<[f32]> { (0..42).map(|i| (n * 42 + i) as f32 / 7.0).collect() };
    for round in 0..12u64 {
        let cache = Cache::open(&path, LIMIT).unwrap();
        if round > 0 {
            let used = cache.get(&[key(0), key(round * 2000 - 1)]);
            assert_eq!(used[0].as_deref(), Some(&row(0)[..]), "in use, {round}");
            assert_eq!(used[1].as_deref(), Some(&row(round * 2000 - 1)[..]), "the last, {round}");
        }
        cache.put((round * 2000..(round + 1) * 2000).map(|n| (key(n), row(n))).collect());
        assert!(cache.close().is_none());
        let length = std::fs::metadata(&path).unwrap().len();
        assert!(length <= LIMIT, "{length} bytes after round {round}");
    }
    let cache = Cache::open(&path, LIMIT).unwrap();
    let keys: Vec<_> = (0..24_000).map(key).collect();
    let kept = cache.get(&keys).into_iter().flatten().count();
    assert!((2000..8000).contains(&kept), "{kept} rows are kept");
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "notes").unwrap();
    let error = Cache::open(&path, 1 << 20).unwrap_err();
    assert!(matches!(error, CacheError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("notes.txt") && error.to_string().contains("another file"));
}

/// Not a test of the cache but of the promise that its keys rest on: where this fails because an
/// engine computes something else than before, raise `ENGINE_VERSION` and write the new values.
#[test]
fn what_engines_compute_is_what_their_version_says() {
    let files = ModelFiles::read(&ModelSource::Folder(fixture_model())).unwrap();
    let config = ModelConfig::from_json(&files.config).unwrap();
    let ids: Vec<u32> = (0..20).map(|i| i * 37 % 90 + 5).collect();
    let sequence = Encoded { type_ids: vec![0; ids.len()], ids };
    let sums = [Numbers::Int8, Numbers::F32].map(|numbers| {
        let engine = FastEngine::load(&config, &files.weights, numbers, Kernel::Generic).unwrap();
        let logits = engine.logits(&Batch::pack([&sequence])).unwrap();
        let all = logits.category.iter().chain(&logits.denied);
        all.fold(0u32, |sum, logit| sum.rotate_left(5) ^ logit.to_bits())
    });
    assert_eq!(
        (ENGINE_VERSION, sums),
        (3, [0xc85a_d792, 0x1db9_2ee8]),
        "0x{:08x} 0x{:08x}",
        sums[0],
        sums[1]
    );
}
