//! `fineprint data convert`: every format by a small sample of our own, and what each refuses.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::support::sandbox::{Run, Sandbox};

/// Texts with their labels, in order.
fn rows(run: &Run) -> Vec<(String, Vec<String>)> {
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run.records()
        .iter()
        .map(|row| {
            let labels = row["labels"].as_array().unwrap().iter();
            let text = row["text"].as_str().unwrap().to_owned();
            (text, labels.map(|l| l.as_str().unwrap().to_owned()).collect())
        })
        .collect()
}

#[track_caller]
fn assert_rows(run: &Run, wanted: &[(&str, &[&str])]) {
    let wanted: Vec<(String, Vec<String>)> = wanted
        .iter()
        .map(|(text, labels)| {
            ((*text).to_owned(), labels.iter().map(|l| (*l).to_owned()).collect())
        })
        .collect();
    assert_eq!(rows(run), wanted);
}

fn convert(sandbox: &Sandbox, from: &str, more: &[&str]) -> Run {
    sandbox.run(&[&["data", "convert", "--from", from, "-o", "-"], more].concat())
}

/// A file is refused with its name, place and reason; with `--skip-bad` the rest is taken.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, from: &str, more: &[&str], parts: &[&str], left: usize) {
    let refused = convert(sandbox, from, more);
    assert_eq!(refused.status, Some(2), "{}{}", refused.stdout, refused.stderr);
    assert_eq!(refused.stdout, "");
    let skipped = convert(sandbox, from, &[more, &["--skip-bad"]].concat());
    assert_eq!(skipped.status, Some(3), "{}", skipped.stderr);
    assert_eq!(skipped.stdout.lines().count(), left, "{}", skipped.stdout);
    for part in parts {
        assert!(refused.stderr.contains(part), "no `{part}` in {}", refused.stderr);
        assert!(skipped.stderr.contains(part), "no `{part}` in {}", skipped.stderr);
    }
    assert!(skipped.stderr.contains("malformed rows skipped"), "{}", skipped.stderr);
}

#[test]
fn polisis_rows_of_a_text_are_one() {
    let sandbox = Sandbox::with(&[
        (
            "train.csv",
            "\"We may change this, and say so.\",Policy Change\n\
             We keep it a year.,Data Retention\n\
             \"We may change this, and say so.\",Data Retention\n\
             #NAME?,Data Retention\n",
        ),
        ("bad.csv", "one,Policy Change\ntwo,Policy Chang\nthree\n"),
    ]);
    let run = convert(&sandbox, "polisis", &["train.csv"]);
    assert_rows(
        &run,
        &[
            ("We may change this, and say so.", &["Policy Change", "Data Retention"]),
            ("We keep it a year.", &["Data Retention"]),
        ],
    );
    assert!(run.stderr.contains("2 texts with 3 labels of 2 names"), "{}", run.stderr);
    assert!(
        run.stderr.contains("1 dropped: a spreadsheet has destroyed the text"),
        "{}",
        run.stderr
    );
    assert_eq!(run.records()[0]["part"], "train");
    let parts = ["bad.csv:2:", "did you mean `Policy Change`?"];
    assert_refused(&sandbox, "polisis", &["bad.csv"], &parts, 1);
}

#[test]
fn opp115_takes_what_annotators_agree_on() {
    let row = |id: &str, who: &str, segment: usize, category: &str, attributes: &str| {
        let attributes = attributes.replace('"', "\"\"");
        format!(
            "{id},batch,{who},1,{segment},{category},\"{attributes}\",1/1/15,http://a.example\n"
        )
    };
    let other = r#"{"Other Type": {"value": "Introductory/Generic", "startIndexInSegment": 0}}"#;
    let annotations = row("1", "a", 0, "Other", other)
        + &row("2", "b", 0, "Other", other)
        + &row("3", "a", 1, "Data Retention", "{}")
        + &row("4", "a", 1, "Data Retention", "{}")
        + &row("5", "a", 2, "Policy Change", "{}")
        + &row("6", "b", 2, "Policy Change", "{}")
        + &row("7", "c", 2, "Data Security", "{}");
    let consolidated =
        row("C9", "a", 1, "Data Retention", "{}") + &row("8", "c", 2, "Data Security", "{}");
    let html = "<strong>Privacy</strong> <br> <br>|||We keep it &amp; that.|||<ul><li>We may</li>\
                <li>change this.</li></ul>|||Nobody marked this.";
    let files = [
        ("OPP-115/annotations/1_a.example.csv", annotations.as_str()),
        ("OPP-115/consolidation/threshold-0.75/1_a.example.csv", &consolidated),
        ("OPP-115/sanitized_policies/1_a.example.html", html),
    ];
    let sandbox = Sandbox::with(&files);
    let run = convert(&sandbox, "opp115", &["OPP-115"]);
    assert_rows(
        &run,
        &[("Privacy", &["Introductory/Generic"]), ("We may change this.", &["Policy Change"])],
    );
    assert_eq!(run.records()[1]["id"], "1_a.example/2");
    assert_eq!(run.records()[1]["source"]["path"], "1_a.example");
    assert!(run.stderr.contains("1 dropped: no annotator"), "{}", run.stderr);
    let all = convert(&sandbox, "opp115", &["OPP-115", "--agree", "1"]);
    assert_eq!(rows(&all)[2].1, ["Data Security", "Policy Change"]);
    let run = convert(&sandbox, "opp115", &["OPP-115/consolidation/threshold-0.75"]);
    assert_rows(&run, &[("We keep it & that.", &["Data Retention"])]);

    let bad = row("1", "a", 9, "Policy Change", "{}") + &row("2", "a", 0, "Policy Change", "{}");
    sandbox.write("OPP-115/annotations/1_a.example.csv", bad.as_bytes());
    let parts = ["1_a.example.csv:1:", "segment 9, but the policy has 4"];
    assert_refused(&sandbox, "opp115", &["OPP-115", "--agree", "1"], &parts, 1);
    let none = convert(&sandbox, "opp115", &["."]);
    assert!(none.stderr.contains("sanitized_policies"), "{}", none.stderr);
}

#[test]
fn claudette_is_unfair_from_grade_two() {
    let sandbox = Sandbox::with(&[
        (
            "en.jsonl",
            r#"{"document":"A","fold":0,"text":"We may end it.","tags":["ter2","ltd1","countrym"]}
{"document":"A","fold":1,"text":"Hello.","tags":[]}
"#,
        ),
        ("bad.jsonl", "{\"document\":\"A\",\"fold\":0,\"text\":\"a\",\"tags\":[\"x2\"]}\n{}\n"),
        ("corpus/sentences/en/original/A.txt", "We may end it.\n\nHello.\n"),
        ("corpus/tags/en/original/A.txt", "ter3 ch1\n\nlaw2 j2\n"),
        ("corpus/sentences/de/original/A.txt", "Hallo.\n"),
        ("corpus/tags/de/original/A.txt", "\n\n"),
        ("ToS/sentences/A.txt", "we may end it -lrb- soon -rrb- .\nhello .\n"),
        ("ToS/Labels_TER/A.txt", "1\n-1\n"),
        ("ToS/Labels_J/A.txt", "-1\n-1\n"),
    ]);
    let run = convert(&sandbox, "claudette", &["en.jsonl"]);
    assert_rows(&run, &[("We may end it.", &["unilateral-termination"]), ("Hello.", &[])]);
    let fold = convert(&sandbox, "claudette", &["en.jsonl", "--part", "1"]);
    assert_rows(&fold, &[("Hello.", &[])]);
    let parts = ["bad.jsonl:1:", "unknown tag `x2`"];
    let refused = convert(&sandbox, "claudette", &["bad.jsonl"]);
    assert!(parts.iter().all(|part| refused.stderr.contains(part)), "{}", refused.stderr);

    let run = convert(&sandbox, "claudette-folders", &["corpus/sentences/en/original"]);
    assert_rows(
        &run,
        &[
            ("We may end it.", &["unilateral-termination"]),
            ("Hello.", &["choice-of-law", "jurisdiction"]),
        ],
    );
    let uneven = convert(&sandbox, "claudette-folders", &["corpus/sentences/de/original"]);
    assert!(uneven.stderr.contains("line by line"), "{}", uneven.stderr);
    let run = convert(&sandbox, "claudette-folders", &["ToS"]);
    assert_rows(
        &run,
        &[("we may end it ( soon ) .", &["unilateral-termination"]), ("hello .", &[])],
    );
}

/// Rows as Hugging Face's `datasets` has them, with a list of numbers or a number a row.
fn batch(texts: &[&str], labels: &[&[i64]], one: bool, metadata: Option<&str>) -> RecordBatch {
    let kind = if one {
        DataType::Int64
    } else {
        DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)))
    };
    let name = if one { "label" } else { "labels" };
    let fields = vec![Field::new("text", DataType::Utf8, true), Field::new(name, kind, true)];
    let pair = metadata.map(|text| ("huggingface".to_owned(), text.to_owned()));
    let pairs: std::collections::HashMap<String, String> = pair.into_iter().collect();
    let schema = Schema::new(fields).with_metadata(pairs);
    let texts = Arc::new(StringArray::from(texts.to_vec()));
    let labels: arrow_array::ArrayRef = if one {
        Arc::new(Int64Array::from(labels.iter().map(|l| l[0]).collect::<Vec<_>>()))
    } else {
        let mut lists = ListBuilder::new(Int64Builder::new());
        for list in labels {
            lists.values().append_slice(list);
            lists.append(true);
        }
        Arc::new(lists.finish())
    };
    RecordBatch::try_new(Arc::new(schema), vec![texts, labels]).unwrap()
}

/// A Parquet file of them.
fn parquet(path: &Path, texts: &[&str], labels: &[&[i64]], one: bool, metadata: Option<&str>) {
    let batch = batch(texts, labels, one, None);
    let pair = metadata.map(|text| KeyValue::new("huggingface".to_owned(), text.to_owned()));
    let properties = WriterProperties::builder()
        .set_key_value_metadata(pair.map(|pair| vec![pair]))
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// An Arrow stream of batches.
fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer =
        arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn what_save_to_disk_wrote_is_read() {
    let sandbox = Sandbox::with(&[
        ("set/dataset_dict.json", r#"{"splits":["train","validation","../set/train"]}"#),
        ("set/train/.keep", ""),
        (
            "set/validation/dataset_info.json",
            r#"{"features":{"labels":{"feature":{"names":["sale","logs"],"_type":"ClassLabel"},"_type":"List"}}}"#,
        ),
    ]);
    let own = r#"{"info":{"features":{"labels":{"feature":{"names":["a","b"],"_type":"ClassLabel"},"_type":"List"}}}}"#;
    let whole = stream(&[
        batch(&["We sell logs.", "Hi."], &[&[0, 1], &[]], false, Some(own)),
        batch(&["Third."], &[&[1]], false, Some(own)),
    ]);
    sandbox.write("set/train/data-00000-of-00001.arrow", &whole);
    let other = stream(&[batch(&["We log."], &[&[1]], false, None)]);
    sandbox.write("set/validation/data-00000-of-00001.arrow", &other);
    let run = convert(&sandbox, "hf-dataset", &["set"]);
    let expected: [(&str, &[&str]); 4] =
        [("We sell logs.", &["a", "b"]), ("Hi.", &[]), ("Third.", &["b"]), ("We log.", &["logs"])];
    assert_rows(&run, &expected);
    assert_eq!(run.records()[0]["part"], "train");
    assert_eq!(run.records()[3]["part"], "validation");

    let bad = stream(&[batch(&["a", "b"], &[&[0], &[2]], false, Some(own))]);
    sandbox.write("bad.arrow", &bad);
    let parts = ["row 2:", "`labels` is 2, but there are 2 names"];
    assert_refused(&sandbox, "hf-dataset", &["bad.arrow"], &parts, 1);
    // Cut off or flipped anywhere, it is refused or read, and never a panic.
    for at in (0..whole.len()).step_by(41) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x5A;
        for bytes in [&whole[..at], &flipped[..]] {
            sandbox.write("harmed.arrow", bytes);
            let run = convert(&sandbox, "hf-dataset", &["harmed.arrow"]);
            assert!(!run.stderr.contains("panicked"), "{at}: {}", run.stderr);
        }
    }
    sandbox.write("cut.arrow", &whole[..whole.len() / 2]);
    let run = convert(&sandbox, "hf-dataset", &["cut.arrow"]);
    assert!(run.stderr.contains("no Arrow stream, or a damaged one"), "{}", run.stderr);
}

#[test]
fn lexglue_and_hugging_face_folders_are_read() {
    let sandbox = Sandbox::with(&[
        ("unfair/train.jsonl", "{\"text\":\"Courts of Rome.\",\"labels\":[6]}\n"),
        ("unfair/bad.jsonl", "{\"text\":\"a\",\"labels\":[8]}\n{\"text\":\"b\",\"labels\":[]}\n"),
        (
            "card/README.md",
            "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: labels\n    sequence:\n      class_label:\n        names:\n          '0': sale\n          '1': logs\n---\n",
        ),
        ("card/data/.keep", ""),
        (
            "info/dataset_info.json",
            r#"{"features":{"label":{"names":["no","yes"],"_type":"ClassLabel"}}}"#,
        ),
        ("bare/train.jsonl", "{\"text\":\"a\",\"label\":0}\n"),
        ("names/test.jsonl", "{\"sentence\":\"a\",\"topic\":\"x\"}\n"),
    ]);
    let folder = |name: &str| sandbox.path().join(name);
    parquet(&folder("unfair/test.parquet"), &["We end it.", "Hi."], &[&[1, 0], &[]], false, None);
    let run = convert(&sandbox, "unfair-tos", &["unfair/train.jsonl", "unfair/test.parquet"]);
    let labels: &[&str] = &["Unilateral termination", "Limitation of liability"];
    assert_rows(
        &run,
        &[("Courts of Rome.", &["Jurisdiction"]), ("We end it.", labels), ("Hi.", &[])],
    );
    assert_eq!(run.records()[1]["part"], "test");
    let parts = ["bad.jsonl:1:", "unknown label 8"];
    assert_refused(&sandbox, "unfair-tos", &["unfair/bad.jsonl"], &parts, 1);

    let train = "card/data/train-00000-of-00001.parquet";
    parquet(&folder(train), &["We sell logs.", "Hi."], &[&[0, 1], &[]], false, None);
    let run = convert(&sandbox, "hf-dataset", &["card"]);
    assert_rows(&run, &[("We sell logs.", &["sale", "logs"]), ("Hi.", &[])]);
    assert_eq!(run.records()[0]["part"], "train");

    parquet(&folder("info/test.parquet"), &["a", "b"], &[&[1], &[-1]], true, None);
    assert_rows(&convert(&sandbox, "hf-dataset", &["info"]), &[("a", &["yes"]), ("b", &[])]);

    let own = r#"{"info":{"features":{"label":{"names":["left","right"],"_type":"ClassLabel"}}}}"#;
    parquet(&folder("info/test.parquet"), &["a", "b"], &[&[1], &[2]], true, Some(own));
    let parts = ["row 2:", "`label` is 2, but there are 2 names"];
    assert_refused(&sandbox, "hf-dataset", &["info"], &parts, 1);

    let bare = convert(&sandbox, "hf-dataset", &["bare"]);
    assert!(bare.stderr.contains("no names are known"), "{}", bare.stderr);
    let fields = ["names", "--text-field", "sentence", "--label-field", "topic"];
    assert_rows(&convert(&sandbox, "hf-dataset", &fields), &[("a", &["x"])]);
    sandbox.write("damaged.parquet", b"PAR1 no more PAR1");
    let damaged = convert(&sandbox, "hf-dataset", &["damaged.parquet"]);
    assert!(damaged.stderr.contains("damaged"), "{}", damaged.stderr);
}

#[test]
fn label_studio_choices_and_spans() {
    let text = "We sell data. 😀 You may opt out.";
    let task = |id: u32, results: &[&str]| {
        let annotations: Vec<String> = results
            .iter()
            .map(|r| format!(r#"{{"result":[{r}],"was_cancelled":false}}"#))
            .collect();
        let text = serde_json::to_string(text).unwrap();
        format!(
            r#"{{"id":{id},"data":{{"text":{text}}},"annotations":[{}]}}"#,
            annotations.join(",")
        )
    };
    let choice = r#"{"type":"choices","value":{"choices":["sale","choice"]}}"#;
    let one = r#"{"type":"choices","value":{"choices":["sale"]}}"#;
    // UTF-16 units, as the browser counts them: the face is two.
    let span = r#"{"type":"labels","value":{"start":17,"end":33,"text":"You may opt out.","labels":["choice"]}}"#;
    let rating = r#"{"type":"rating","value":{"rating":4}}"#;
    let wrong = r#"{"type":"labels","value":{"start":0,"end":4,"text":"You may","labels":["x"]}}"#;
    let whole = format!("[{},{}]", task(1, &[choice, one]), task(2, &[]));
    let sandbox = Sandbox::with(&[
        ("choices.json", whole.as_str()),
        ("spans.json", &format!("[{}]", task(3, &[&format!("{span},{rating}")]))),
        ("bad.json", &format!("[{},{}]", task(4, &[one]), task(5, &[wrong]))),
        ("min.json", r#"[{"text":"a","label":"b"}]"#),
    ]);
    let run = convert(&sandbox, "label-studio", &["choices.json"]);
    assert_rows(&run, &[(text, &["choice", "sale"])]);
    assert!(run.stderr.contains("1 dropped: the task has no annotation"), "{}", run.stderr);
    let both = convert(&sandbox, "label-studio", &["choices.json", "--agree", "2"]);
    assert_rows(&both, &[(text, &["sale"])]);
    let run = convert(&sandbox, "label-studio", &["spans.json"]);
    let found = rows(&run);
    assert_eq!(found.first().unwrap(), &("We sell data.".to_owned(), vec![]));
    assert!(found.last().unwrap().0.ends_with("You may opt out."), "{found:?}");
    assert_eq!(found.last().unwrap().1, ["choice"]);
    let parts = ["bad.json: row 2:", "is not `You may`"];
    assert_refused(&sandbox, "label-studio", &["bad.json"], &parts, 1);
    let min = convert(&sandbox, "label-studio", &["min.json"]);
    assert!(min.stderr.contains("not as JSON-MIN"), "{}", min.stderr);
}

#[test]
fn doccano_names_and_spans() {
    let sandbox = Sandbox::with(&[
        (
            "all.jsonl",
            r#"{"id":1,"text":"We sell data.","label":["sale"]}
{"id":2,"text":"Größe ist da. We keep logs.","label":[[14,27,"logs"]]}
{"id":3,"text":"We sell it.","entities":[{"id":0,"start_offset":0,"end_offset":11,"label":"sale"}],"relations":[]}
{"id":4,"data":"Hello.","labels":[]}
"#,
        ),
        ("list.json", r#"[{"text":"We sell data.","label":["sale"]}]"#),
        ("bad.jsonl", "{\"text\":\"a\",\"label\":[[0,9,\"x\"]]}\n{\"text\":\"b\",\"label\":[]}\n"),
    ]);
    let run = convert(&sandbox, "doccano", &["all.jsonl"]);
    assert_rows(
        &run,
        &[
            ("We sell data.", &["sale"]),
            ("Größe ist da.", &[]),
            ("We keep logs.", &["logs"]),
            ("We sell it.", &["sale"]),
            ("Hello.", &[]),
        ],
    );
    assert_rows(&convert(&sandbox, "doccano", &["list.json"]), &[("We sell data.", &["sale"])]);
    let parts = ["bad.jsonl:1:", "0 to 9 is no range of a text of 1 characters"];
    assert_refused(&sandbox, "doccano", &["bad.jsonl"], &parts, 1);
}

#[test]
fn tosdr_quotations_stand_under_their_cases() {
    let sandbox = Sandbox::with(&[
        (
            "service.json",
            r#"{
  "id": 1, "name": "Acme",
  "points": [
    {"id": 5, "title": "t", "status": "approved", "case_title": "Logs are kept", "quote_text": "<p>We keep <b>logs</b>.</p>"},
    {"id": 6, "title": "t", "status": "pending", "quote_text": "We sell."},
    {"id": 7, "title": "t", "status": "approved", "quote_text": null}
  ]
}"#,
        ),
        (
            "case.json",
            r#"{"id":2,"title":"Data is sold","score":-5,"points":[{"title":"x","quoteText":"We sell."}]}"#,
        ),
        (
            "dump.json",
            r#"{"cases":[{"id":9,"title":"Data is sold"}],"points":[{"case_id":9,"title":"x","quote_text":"We sell."}]}"#,
        ),
        (
            "v2.json",
            r#"{"error":256,"message":"OK","parameters":{"id":3,"name":"Acme","points":[
{"id":1,"title":"t","status":"approved","quoteText":"We sell.","case":{"id":9,"title":"Data is sold"}},
{"id":2,"title":"t","status":"approved","quoteText":"Hm.","case":{"id":235,"title":"none"}}]}}"#,
        ),
        (
            "points.jsonl",
            "{\"quote_text\":\"We sell.\",\"case\":{\"title\":\"Data is sold\"}}\n{\"quote_text\":\"a\"}\n",
        ),
    ]);
    let run = convert(&sandbox, "tosdr", &["service.json"]);
    assert_rows(&run, &[("We keep logs.", &["Logs are kept"])]);
    assert!(run.stderr.contains("1 dropped: no quotation"), "{}", run.stderr);
    assert!(run.stderr.contains("1 dropped: status pending"), "{}", run.stderr);
    assert_eq!(run.records()[0]["source"]["path"], "Acme");
    for file in ["case.json", "dump.json", "v2.json"] {
        assert_rows(&convert(&sandbox, "tosdr", &[file]), &[("We sell.", &["Data is sold"])]);
    }
    let parts = ["points.jsonl:2:", "neither a case nor a title"];
    assert_refused(&sandbox, "tosdr", &["points.jsonl"], &parts, 1);
}

#[test]
fn crosswalks_translate_or_leave_out() {
    let sandbox = Sandbox::with(&[
        (
            "opp.csv",
            "We may change this.,Policy Change\nWelcome.,Introductory/Generic\n\
             It is safe.,Data Security\n",
        ),
        (
            "map.json",
            r#"{"Policy Change": "policy-change", "Data Security": ["security", "!tracking"]}"#,
        ),
        ("bad.json", r#"{"Policy Change": 1}"#),
        ("list.json", r#"[{"text":"a","label":["x"]},{"text":"b","label":[]}]"#),
        ("x.json", r#"{"x": "sale"}"#),
    ]);
    let run = convert(&sandbox, "polisis", &["opp.csv", "--crosswalk"]);
    assert_rows(&run, &[("We may change this.", &["policy-change"]), ("Welcome.", &[])]);
    let left = "1 dropped: `Data Security` is not in the crosswalk";
    assert!(run.stderr.contains(left), "{}", run.stderr);
    let run = convert(&sandbox, "polisis", &["opp.csv", "--labels", "map.json"]);
    assert_rows(
        &run,
        &[("We may change this.", &["policy-change"]), ("It is safe.", &["security", "!tracking"])],
    );
    let bad = convert(&sandbox, "polisis", &["opp.csv", "--labels", "bad.json"]);
    assert!(bad.stderr.contains("bad.json:1:"), "{}", bad.stderr);
    let none = convert(&sandbox, "doccano", &["list.json", "--crosswalk"]);
    assert!(none.stderr.contains("give --labels FILE"), "{}", none.stderr);
    let own = ["list.json", "--labels", "x.json"];
    assert_rows(&convert(&sandbox, "doccano", &own), &[("a", &["sale"])]);
    let kept = [&own[..], &["--keep-unlabelled"]].concat();
    assert_rows(&convert(&sandbox, "doccano", &kept), &[("a", &["sale"]), ("b", &[])]);

    // What was written is what training reads.
    let file = ["data", "convert", "--from", "polisis", "opp.csv", "--crosswalk", "-o", "o.jsonl"];
    assert_eq!(sandbox.run(&file).status, Some(0));
    let stats = sandbox.run(&["data", "stats", "o.jsonl"]);
    assert_eq!(stats.status, Some(0), "{}", stats.stderr);
}
