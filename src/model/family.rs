//! The encoder families that one implementation runs, and all that tells them apart.
//!
//! They share the layers of BERT (attention, feed-forward, a norm after each); they differ in the
//! names of tensors and configuration fields, in which tables a token is looked up in, in where
//! positions begin, and in one bias: `MPNet` (Song et al. 2020) adds to every attention score a
//! learnt number for the distance between the two tokens, in buckets as T5 has them.

use std::borrow::Cow;

/// A family of encoders, by the `model_type` of its `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// BERT (Devlin et al. 2019).
    Bert,
    /// `DistilBERT`: BERT without segments, under names of its own.
    DistilBert,
    /// `RoBERTa`: positions from behind the padding id, segments never told apart.
    Roberta,
    /// XLM-RoBERTa: `RoBERTa` with another tokenizer.
    XlmRoberta,
    /// `CamemBERT`: `RoBERTa` in French.
    Camembert,
    /// `MPNet`: no segments, and a bias by distance in attention.
    Mpnet,
}

/// Parts of a layer's names: ours, which are BERT's, and the family's.
type Renames = &'static [(&'static str, &'static str)];

const MPNET: Renames = &[
    ("attention.self.query", "attention.attn.q"),
    ("attention.self.key", "attention.attn.k"),
    ("attention.self.value", "attention.attn.v"),
    ("attention.output.dense", "attention.attn.o"),
    ("attention.output.LayerNorm", "attention.LayerNorm"),
];
const DISTILBERT: Renames = &[
    ("attention.self.query", "attention.q_lin"),
    ("attention.self.key", "attention.k_lin"),
    ("attention.self.value", "attention.v_lin"),
    ("attention.output.dense", "attention.out_lin"),
    ("attention.output.LayerNorm", "sa_layer_norm"),
    ("intermediate.dense", "ffn.lin1"),
    ("output.dense", "ffn.lin2"),
    ("output.LayerNorm", "output_layer_norm"),
];
/// The head of `RoBERTa` and `MPNet` is BERT's pooler and classifier under other names.
const HEAD: Renames =
    &[("pooler.dense", "classifier.dense"), ("classifier", "classifier.out_proj")];
const DISTILBERT_HEAD: Renames = &[("pooler.dense", "pre_classifier")];
/// Fields of `config.json` that `DistilBERT` calls otherwise.
const DISTILBERT_FIELDS: Renames = &[
    ("hidden_size", "dim"),
    ("num_hidden_layers", "n_layers"),
    ("num_attention_heads", "n_heads"),
    ("intermediate_size", "hidden_dim"),
    ("hidden_act", "activation"),
    ("hidden_dropout_prob", "dropout"),
    ("attention_probs_dropout_prob", "attention_dropout"),
];

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Bert,
        Self::DistilBert,
        Self::Roberta,
        Self::XlmRoberta,
        Self::Camembert,
        Self::Mpnet,
    ];

    /// The family of a `model_type`.
    pub fn of(model_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.model_type() == model_type)
    }

    /// What `config.json` calls it.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::Camembert => "camembert",
            Self::Mpnet => "mpnet",
        }
    }

    /// Beginning of the names of its Python classes.
    fn class(self) -> &'static str {
        match self {
            Self::Bert => "Bert",
            Self::DistilBert => "DistilBert",
            Self::Roberta => "Roberta",
            Self::XlmRoberta => "XLMRoberta",
            Self::Camembert => "Camembert",
            Self::Mpnet => "MPNet",
        }
    }

    /// Hugging Face's class of the encoder alone.
    pub fn encoder_class(self) -> String {
        format!("{}Model", self.class())
    }

    /// Hugging Face's class of the classifier, which reads the first token.
    pub fn classifier_class(self) -> String {
        format!("{}ForSequenceClassification", self.class())
    }

    /// What stands before the names of the encoder's tensors in a classifier's file.
    fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert.",
            Self::DistilBert => "distilbert.",
            Self::Roberta | Self::XlmRoberta | Self::Camembert => "roberta.",
            Self::Mpnet => "mpnet.",
        }
    }

    /// Whether tokens have a segment embedding.
    pub fn has_segments(self) -> bool {
        !matches!(self, Self::DistilBert | Self::Mpnet)
    }

    /// Whether the segments of a pair are told apart; otherwise all tokens are of segment 0,
    /// whatever the tokenizer says.
    pub fn reads_segments(self) -> bool {
        self == Self::Bert
    }

    /// The row of the first token in the table of positions. `padding` is the configuration's
    /// padding id: these families were trained with positions counted from behind it.
    pub(super) fn first_position(self, padding: usize) -> usize {
        match self {
            Self::Bert | Self::DistilBert => 0,
            Self::Roberta | Self::XlmRoberta | Self::Camembert => padding + 1,
            // Hard-coded in MPNet.
            Self::Mpnet => 2,
        }
    }

    /// Whether attention scores get a bias by distance.
    pub fn has_relative_bias(self) -> bool {
        self == Self::Mpnet
    }

    /// Whether the head's layer over the first token ends in a rectifier and not in tanh.
    pub fn pools_with_relu(self) -> bool {
        self == Self::DistilBert
    }

    /// Fields of `config.json`: our name, which is BERT's, and the family's, where they differ.
    pub(super) fn fields(self) -> &'static [(&'static str, &'static str)] {
        if self == Self::DistilBert { DISTILBERT_FIELDS } else { &[] }
    }

    fn layer_parts(self) -> Renames {
        match self {
            Self::Mpnet => MPNET,
            Self::DistilBert => DISTILBERT,
            _ => &[],
        }
    }

    fn head_parts(self) -> Renames {
        match self {
            Self::Bert => &[],
            Self::DistilBert => DISTILBERT_HEAD,
            _ => HEAD,
        }
    }

    /// What stands before a layer's number.
    fn stack(self) -> &'static str {
        if self == Self::DistilBert { "transformer.layer." } else { STACK }
    }

    /// Our name of a tensor of a file: BERT's, without prefix and with today's layer norm names.
    pub(super) fn canonical(self, name: &str) -> String {
        let name = name.strip_prefix(self.prefix()).unwrap_or(name);
        let name = name
            .replace("LayerNorm.gamma", "LayerNorm.weight")
            .replace("LayerNorm.beta", "LayerNorm.bias");
        if let Some((number, part)) =
            name.strip_prefix(self.stack()).and_then(|r| r.split_once('.'))
        {
            let ours = self.layer_parts().iter().map(|&(ours, theirs)| (theirs, ours));
            return format!("{STACK}{number}.{}", renamed(part, ours));
        }
        renamed(&name, self.head_parts().iter().map(|&(ours, theirs)| (theirs, ours))).into_owned()
    }

    /// The name of a tensor in the family's files; `has_head` in those of a classifier, and
    /// `has_pooler` where its head begins with a layer over the first token.
    pub(super) fn file_name(self, canonical: &str, has_head: bool, has_pooler: bool) -> String {
        let head = if has_pooler { self.head_parts() } else { &[] };
        let is_head = canonical.starts_with("classifier.")
            || (canonical.starts_with("pooler.") && self != Self::Bert);
        if is_head && has_head {
            return renamed(canonical, head.iter().copied()).into_owned();
        }
        let prefix = if has_head { self.prefix() } else { "" };
        match canonical.strip_prefix(STACK).and_then(|rest| rest.split_once('.')) {
            Some((number, part)) => {
                let part = renamed(part, self.layer_parts().iter().copied());
                format!("{prefix}{}{number}.{part}", self.stack())
            }
            None => format!("{prefix}{canonical}"),
        }
    }
}

/// What stands before a layer's number in our names.
const STACK: &str = "encoder.layer.";

/// A name whose beginning, up to a dot, is changed by the first pair that has it.
fn renamed(
    name: &str,
    mut pairs: impl Iterator<Item = (&'static str, &'static str)>,
) -> Cow<'_, str> {
    let found = pairs.find_map(|(from, to)| {
        let rest = name.strip_prefix(from).filter(|rest| rest.starts_with('.'))?;
        Some(format!("{to}{rest}"))
    });
    found.map_or(Cow::Borrowed(name), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_a_file_and_back() {
        let ours = [
            "embeddings.word_embeddings.weight",
            "embeddings.LayerNorm.bias",
            "encoder.layer.11.attention.self.key.weight",
            "encoder.layer.0.attention.output.dense.bias",
            "encoder.layer.0.attention.output.LayerNorm.weight",
            "encoder.layer.3.intermediate.dense.weight",
            "encoder.layer.3.output.dense.weight",
            "encoder.layer.3.output.LayerNorm.bias",
            "encoder.layer.3.output.dense.weight.scale",
            "pooler.dense.weight",
            "classifier.weight",
            "classifier.bias",
        ];
        for family in Family::ALL {
            assert_eq!(Family::of(family.model_type()), Some(family));
            for name in ours {
                for (has_head, has_pooler) in [(true, true), (true, false), (false, false)] {
                    let file = family.file_name(name, has_head, has_pooler);
                    assert_eq!(family.canonical(&file), name, "{family:?} {file}");
                }
            }
        }
    }

    #[test]
    fn names_are_those_of_hugging_face() {
        let file = |family: Family, name| family.file_name(name, true, true);
        let query = "encoder.layer.2.attention.self.query.weight";
        assert_eq!(file(Family::Mpnet, query), "mpnet.encoder.layer.2.attention.attn.q.weight");
        assert_eq!(
            file(Family::DistilBert, query),
            "distilbert.transformer.layer.2.attention.q_lin.weight"
        );
        assert_eq!(file(Family::XlmRoberta, query), format!("roberta.{query}"));
        assert_eq!(file(Family::Roberta, "classifier.bias"), "classifier.out_proj.bias");
        assert_eq!(file(Family::Mpnet, "pooler.dense.bias"), "classifier.dense.bias");
        assert_eq!(file(Family::DistilBert, "pooler.dense.bias"), "pre_classifier.bias");
        assert_eq!(file(Family::Bert, "pooler.dense.bias"), "bert.pooler.dense.bias");
        assert_eq!(
            Family::Bert.canonical("bert.embeddings.LayerNorm.gamma"),
            "embeddings.LayerNorm.weight"
        );
    }
}
