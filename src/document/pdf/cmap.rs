//! `CMap`s: how strings split into codes, which glyph a code selects, and which characters it
//! stands for (`ToUnicode`).

use std::collections::HashMap;

use super::lexer::{Lexer, Token};

/// Most entries of one map; a font has at most 65,536 glyphs.
const ENTRIES: usize = 1 << 17;

/// A character map.
#[derive(Debug, Default)]
pub(super) struct CMap {
    /// Ranges of codes by their length in bytes.
    spaces: Vec<(usize, u32, u32)>,
    unicode: HashMap<u32, String>,
    /// First and last code, and the glyph of the first.
    glyphs: Vec<(u32, u32, u32)>,
}

impl CMap {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut map = Self::default();
        let mut operands: Vec<Token> = Vec::new();
        for token in Lexer::new(bytes) {
            let Token::Word(word) = &token else {
                if operands.len() < ENTRIES {
                    operands.push(token);
                }
                continue;
            };
            match word.as_slice() {
                b"endcodespacerange" => map.spaces(&operands),
                b"endbfchar" => map.characters(&operands),
                b"endbfrange" => map.character_ranges(&operands),
                b"endcidchar" => map.glyph_ranges(&operands, 2),
                b"endcidrange" => map.glyph_ranges(&operands, 3),
                _ => {}
            }
            operands.clear();
        }
        map.glyphs.sort_unstable();
        map
    }

    /// The next code of a string and its length; codes are `width` bytes long where the map does
    /// not say.
    pub(super) fn code(&self, string: &[u8], width: usize) -> (u32, usize) {
        for length in 1..=4 {
            let Some(bytes) = string.get(..length) else { break };
            let code = number(bytes);
            if self
                .spaces
                .iter()
                .any(|(n, low, high)| *n == length && (*low..=*high).contains(&code))
            {
                return (code, length);
            }
        }
        let length = width.clamp(1, string.len().max(1));
        (number(string.get(..length).unwrap_or_default()), length)
    }

    /// What a code stands for.
    pub(super) fn text(&self, code: u32) -> Option<&str> {
        self.unicode.get(&code).map(String::as_str)
    }

    /// The glyph that a code selects.
    pub(super) fn glyph(&self, code: u32) -> Option<u32> {
        let after = self.glyphs.partition_point(|(low, ..)| *low <= code);
        let (low, high, first) = self.glyphs.get(after.checked_sub(1)?)?;
        (code <= *high).then(|| first.saturating_add(code - low))
    }

    fn spaces(&mut self, operands: &[Token]) {
        for pair in operands.chunks_exact(2) {
            if let [Token::String(low), Token::String(high)] = pair
                && low.len() <= 4
                && self.spaces.len() < 256
            {
                self.spaces.push((low.len(), number(low), number(high)));
            }
        }
    }

    fn characters(&mut self, operands: &[Token]) {
        for pair in operands.chunks_exact(2) {
            if let [Token::String(code), Token::String(text)] = pair {
                self.insert(number(code), utf16(text));
            }
        }
    }

    fn character_ranges(&mut self, operands: &[Token]) {
        let mut tokens = operands.iter();
        while let (Some(Token::String(low)), Some(Token::String(high))) =
            (tokens.next(), tokens.next())
        {
            let (low, high) = (number(low), number(high));
            match tokens.next() {
                Some(Token::String(first)) => {
                    let Some((last, head)) = first.split_last() else { continue };
                    for step in 0..=high.saturating_sub(low).min(0xffff) {
                        let unit = u32::from(*last) + step;
                        let mut text = head.to_vec();
                        if let Some(carried) = text.last_mut() {
                            *carried = carried.wrapping_add((unit >> 8) as u8);
                        }
                        text.push(unit as u8);
                        if !self.insert(low + step, utf16(&text)) {
                            break;
                        }
                    }
                }
                Some(Token::ArrayOpen) => {
                    let mut code = low;
                    for token in tokens.by_ref() {
                        match token {
                            Token::String(text) => self.insert(code, utf16(text)),
                            _ => break,
                        };
                        code = code.saturating_add(1);
                    }
                }
                _ => return,
            }
        }
    }

    fn glyph_ranges(&mut self, operands: &[Token], width: usize) {
        for entry in operands.chunks_exact(width) {
            let (low, high, glyph) = match entry {
                [Token::String(code), Token::Number(glyph)] => (code, code, glyph),
                [Token::String(low), Token::String(high), Token::Number(glyph)] => {
                    (low, high, glyph)
                }
                _ => continue,
            };
            if self.glyphs.len() < ENTRIES {
                self.glyphs.push((number(low), number(high), *glyph as u32));
            }
        }
    }

    /// Whether there was room.
    fn insert(&mut self, code: u32, text: String) -> bool {
        let has_room = self.unicode.len() < ENTRIES;
        if has_room {
            self.unicode.insert(code, text);
        }
        has_room
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> String {
    // One byte is no UTF-16, but some producers write it.
    if let [byte] = bytes {
        return char::from(*byte).to_string();
    }
    let units = bytes.chunks_exact(2).map(|pair| number(pair) as u16);
    char::decode_utf16(units.take(32)).map(|c| c.unwrap_or('\u{fffd}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_ranges_and_lists_are_read() {
        let map = CMap::parse(
            b"1 begincodespacerange <0000> <ffff> endcodespacerange
              2 beginbfchar <0003> <0020> <0004> <00660069> endbfchar
              2 beginbfrange <0010> <0012> <00fe> <0020> <0021> [<0041> <d83dde00>] endbfrange
              1 begincidrange <0100> <01ff> 7 endcidrange 1 begincidchar <0300> 9 endcidchar",
        );
        let text = |code| map.text(code).unwrap_or("-").to_owned();
        assert_eq!(text(3), " ");
        assert_eq!(text(4), "fi");
        assert_eq!([text(0x10), text(0x12)], ["\u{fe}", "\u{100}"]);
        assert_eq!([text(0x20), text(0x21)], ["A", "\u{1f600}"]);
        assert_eq!(text(0x22), "-");
        assert_eq!(
            [map.glyph(0x101), map.glyph(0x300), map.glyph(0x200)],
            [Some(8), Some(9), None]
        );
        assert_eq!(map.code(b"\x01\x02\x03", 1), (0x0102, 2));
        assert_eq!(CMap::default().code(b"\x41\x42", 1), (0x41, 1));
        assert_eq!(CMap::default().code(b"\x41", 2), (0x41, 1));
    }

    #[test]
    fn a_map_that_claims_much_is_cut() {
        let range = "<00000000> <ffffffff> <0000> ".repeat(5);
        let map = CMap::parse(format!("beginbfrange {range} endbfrange").as_bytes());
        assert!(map.unicode.len() <= ENTRIES);
    }
}
