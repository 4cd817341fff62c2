//! Packed batches under a token budget.

use super::Encoded;

/// Sequences packed end to end without padding.
///
/// `input_ids` and `token_type_ids` have one entry a token over all sequences; sequence `i` is
/// `cu_seqlens[i]..cu_seqlens[i + 1]`. Positions restart at 0 with each sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Token ids of all sequences.
    pub input_ids: Vec<u32>,
    /// Segment ids of all sequences.
    pub token_type_ids: Vec<u32>,
    /// Cumulative lengths; one more than there are sequences, beginning with 0.
    pub cu_seqlens: Vec<u32>,
}

impl Batch {
    /// Packs the sequences in the given order.
    pub fn pack<'a>(sequences: impl IntoIterator<Item = &'a Encoded>) -> Self {
        let mut batch =
            Self { input_ids: Vec::new(), token_type_ids: Vec::new(), cu_seqlens: vec![0] };
        for sequence in sequences {
            batch.input_ids.extend_from_slice(&sequence.ids);
            batch.token_type_ids.extend_from_slice(&sequence.type_ids);
            batch.cu_seqlens.push(batch.input_ids.len() as u32);
        }
        batch
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.cu_seqlens.len().saturating_sub(1)
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of tokens over all sequences.
    pub fn tokens(&self) -> usize {
        self.input_ids.len()
    }

    /// Lengths of the sequences in tokens.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.cu_seqlens.windows(2).map(|w| (w[1] - w[0]) as usize)
    }

    /// Token positions within their sequences.
    pub fn position_ids(&self) -> Vec<u32> {
        self.lengths().flat_map(|n| 0..n as u32).collect()
    }
}

/// Groups sequences of the given lengths into batches of at most `budget` tokens.
///
/// Longest first, so that sequences of like length meet and the last batches, which decide when
/// the last worker ends, are cheap. A sequence longer than the budget is a batch of its own.
pub fn plan(lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lengths[i]), i));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut used = usize::MAX;
    for i in order {
        if used.saturating_add(lengths[i]) > budget {
            batches.push(Vec::new());
            used = 0;
        }
        used += lengths[i];
        if let Some(batch) = batches.last_mut() {
            batch.push(i);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_is_planned_once_within_the_budget() {
        let lengths = [5, 1, 9, 3, 3, 40, 2];
        let batches = plan(&lengths, 10);
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        for batch in &batches {
            let tokens: usize = batch.iter().map(|&i| lengths[i]).sum();
            assert!(tokens <= 10 || batch.len() == 1);
        }
        assert!(plan(&[], 10).is_empty());
    }

    #[test]
    fn packing_keeps_boundaries() {
        let a = Encoded { ids: vec![1, 2, 3], type_ids: vec![0, 0, 1] };
        let b = Encoded { ids: vec![4], type_ids: vec![0] };
        let batch = Batch::pack([&a, &b]);
        assert_eq!(batch.cu_seqlens, [0, 3, 4]);
        assert_eq!(batch.position_ids(), [0, 1, 2, 0]);
        assert_eq!((batch.len(), batch.tokens()), (2, 4));
    }
}
