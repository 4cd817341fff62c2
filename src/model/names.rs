//! Names of an encoder's tensors in files, after Hugging Face's BERT.

pub(super) const WORD: &str = "embeddings.word_embeddings.weight";
pub(super) const POSITION: &str = "embeddings.position_embeddings.weight";
pub(super) const SEGMENT: &str = "embeddings.token_type_embeddings.weight";
pub(super) const RELATIVE: &str = "encoder.relative_attention_bias.weight";
pub(super) const EMBEDDING_NORM: [&str; 2] =
    ["embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"];

/// Names of a layer's tensors.
pub(super) struct LayerNames(String);

impl LayerNames {
    pub(super) fn new(layer: usize) -> Self {
        Self(format!("encoder.layer.{layer}"))
    }

    pub(super) fn qkv_weights(&self) -> [String; 3] {
        ["query", "key", "value"].map(|p| format!("{}.attention.self.{p}.weight", self.0))
    }

    pub(super) fn qkv_biases(&self) -> [String; 3] {
        ["query", "key", "value"].map(|p| format!("{}.attention.self.{p}.bias", self.0))
    }

    pub(super) fn out_weight(&self) -> String {
        format!("{}.attention.output.dense.weight", self.0)
    }

    pub(super) fn out_norm(&self) -> [String; 3] {
        ["dense.bias", "LayerNorm.weight", "LayerNorm.bias"]
            .map(|p| format!("{}.attention.output.{p}", self.0))
    }

    pub(super) fn up_weight(&self) -> String {
        format!("{}.intermediate.dense.weight", self.0)
    }

    pub(super) fn up_bias(&self) -> String {
        format!("{}.intermediate.dense.bias", self.0)
    }

    pub(super) fn down_weight(&self) -> String {
        format!("{}.output.dense.weight", self.0)
    }

    pub(super) fn down_norm(&self) -> [String; 3] {
        ["dense.bias", "LayerNorm.weight", "LayerNorm.bias"]
            .map(|p| format!("{}.output.{p}", self.0))
    }
}
