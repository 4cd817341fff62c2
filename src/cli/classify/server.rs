//! Classification by a server: documents are read here, sent, and come back as reports.

use std::path::Path;

use anyhow::Context;

use super::{Plan, options, reading};
use crate::batch::{Discovery, Expand, Failure};
use crate::cli::args::ClassifyArgs;
use crate::client::Client;
use crate::label::{LabelSet, Stance};
use crate::report::DocumentReport;
use crate::report::record::{Run, RunOptions};

/// A server that was asked what its model is.
pub(super) struct Server {
    client: Client,
    run: Run,
    labels: LabelSet,
}

impl Server {
    pub(super) fn open(url: &str, authorities: Option<&Path>) -> anyhow::Result<Self> {
        let key = std::env::var("FINEPRINT_API_KEY").ok();
        let client = match authorities {
            None => Client::new(url, key.as_deref())?,
            Some(path) => {
                let name = path.display();
                let pem = std::fs::read(path)
                    .with_context(|| format!("--server-ca: cannot read {name}"))?;
                Client::trusting(url, key.as_deref(), &pem)
                    .with_context(|| format!("--server-ca {name}"))?
            }
        };
        let run = client.run()?;
        let labels = LabelSet::new(&run.categories, run.has_stance)?;
        Ok(Self { client, run, labels })
    }

    pub(super) fn labels(&self) -> &LabelSet {
        &self.labels
    }

    pub(super) fn run(&self, options: RunOptions) -> Run {
        Run { options, ..self.run.clone() }
    }

    /// Sends every document; one that cannot be read here, or that the server fails on, is
    /// reported as that.
    pub(super) fn documents(
        &self,
        args: &ClassifyArgs,
        discovery: &mut Discovery,
        plan: &Plan,
        sink: &mut dyn FnMut(DocumentReport, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut asked = options(args, plan);
        // What decides the exit code may be hidden in the output.
        let is_hidden = !plan.fail_on.is_empty();
        if is_hidden {
            asked.category = Vec::new();
            asked.stance = None;
        }
        let reading = reading(args);
        for source in Expand::new(discovery, &reading) {
            let read = source.and_then(|source| {
                let name = source.name();
                source.read().map(|bytes| (name, bytes))
            });
            let (report, size) = match read {
                Err(Failure { name, reason }) => (DocumentReport::failed(&name, &reason), 0),
                Ok((name, bytes)) => {
                    let mut report = self.client.document(&name, &bytes, &asked)?;
                    if is_hidden {
                        self.hide(&mut report, plan);
                    }
                    (report, bytes.len() as u64)
                }
            };
            sink(report, size)?;
        }
        Ok(())
    }

    /// Leaves out what is not to be output.
    fn hide(&self, report: &mut DocumentReport, plan: &Plan) {
        let filter = &plan.filter;
        let is_shown = |category: &str, stance: Stance| {
            let index = self.labels.names().position(|name| name == category);
            (filter.categories.is_empty() || index.is_some_and(|i| filter.categories.contains(&i)))
                && filter.stance.is_none_or(|wanted| wanted == stance)
        };
        for sentence in &mut report.sentences {
            sentence.findings.retain(|finding| is_shown(&finding.category, finding.stance));
        }
        report.sentences.retain(|sentence| filter.all_sentences || !sentence.findings.is_empty());
        report.document.finding_count =
            report.sentences.iter().map(|sentence| sentence.findings.len()).sum();
    }
}
