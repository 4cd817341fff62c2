//! The tokens of content streams and `CMap`s.

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f32),
    Name(Vec<u8>),
    String(Vec<u8>),
    ArrayOpen,
    ArrayClose,
    DictOpen,
    DictClose,
    /// An operator, or whatever else is a bare word.
    Word(Vec<u8>),
}

/// Reads tokens; bytes that fit nowhere are passed over, so that reading always ends.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|b| b != b'\n' && b != b'\r') {
                    self.at += 1;
                }
            } else if is_blank(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// Passes over the data of an inline image, whose `ID` comes next or has just been read.
    pub(super) fn skip_image(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = memchr::memmem::find_iter(rest, b"EI").find(|at| {
            let before = at.checked_sub(1).and_then(|before| rest.get(before));
            let after = rest.get(at + 2);
            before.is_some_and(|b| is_blank(*b)) && after.is_none_or(|b| is_blank(*b))
        });
        self.at = end.map_or(self.bytes.len(), |at| self.at + at + 2);
    }

    fn regular(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|b| !is_blank(b) && !is_delimiter(b)) {
            self.at += 1;
        }
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    fn name(&mut self) -> Token {
        let written = self.regular();
        let mut name = Vec::with_capacity(written.len());
        let mut bytes = written.iter().copied();
        while let Some(byte) = bytes.next() {
            let mut ahead = bytes.clone();
            match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                (b'#', Some(high), Some(low)) => {
                    name.push(high << 4 | low);
                    bytes = ahead;
                }
                _ => name.push(byte),
            }
        }
        Token::Name(name)
    }

    fn literal(&mut self) -> Token {
        let mut string = Vec::new();
        let mut depth = 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    self.escape(&mut string);
                    continue;
                }
                _ => {}
            }
            string.push(byte);
        }
        Token::String(string)
    }

    fn escape(&mut self, string: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        match byte {
            b'n' => string.push(b'\n'),
            b'r' => string.push(b'\r'),
            b't' => string.push(b'\t'),
            b'b' => string.push(8),
            b'f' => string.push(12),
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                string.push(value as u8);
            }
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
            }
            b'\n' => {}
            other => string.push(other),
        }
    }

    fn hexadecimal(&mut self) -> Token {
        let mut digits = Vec::new();
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte == b'>' {
                break;
            }
            digits.extend(hex(byte));
        }
        let pair = |pair: &[u8]| pair.iter().fold(0, |value, digit| value << 4 | digit);
        let whole = digits.chunks(2);
        Token::String(whole.map(|p| if p.len() == 2 { pair(p) } else { pair(p) << 4 }).collect())
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.skip_blanks();
            let byte = self.peek()?;
            let doubled = self.bytes.get(self.at + 1) == Some(&byte);
            if !is_delimiter(byte) {
                let word = self.regular();
                return Some(
                    number(word).map_or_else(|| Token::Word(word.to_vec()), Token::Number),
                );
            }
            self.at += 1;
            match byte {
                b'/' => return Some(self.name()),
                b'(' => return Some(self.literal()),
                b'[' => return Some(Token::ArrayOpen),
                b']' => return Some(Token::ArrayClose),
                b'<' if doubled => {
                    self.at += 1;
                    return Some(Token::DictOpen);
                }
                b'<' => return Some(self.hexadecimal()),
                b'>' if doubled => {
                    self.at += 1;
                    return Some(Token::DictClose);
                }
                _ => {}
            }
        }
    }
}

/// A number as PDF writes it; real files also have `--1` and `1.-`.
fn number(word: &[u8]) -> Option<f32> {
    let first = *word.first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) || word.len() > 32 {
        return None;
    }
    let text = std::str::from_utf8(word).ok()?;
    let value = text.parse::<f32>().ok().or_else(|| {
        let body = text.trim_start_matches(['-', '+']);
        let end = body.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(body.len());
        let value: f32 = body[..end].parse().ok()?;
        Some(if text.starts_with('-') { -value } else { value })
    })?;
    value.is_finite().then_some(value)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8]) -> Vec<Token> {
        Lexer::new(text).collect()
    }

    #[test]
    fn every_kind_of_token_is_read() {
        let string = |s: &[u8]| Token::String(s.to_vec());
        assert_eq!(
            tokens(b"/F#311 12.5 Tf [(a\\(b\\051\\n) -3 <4142 4>] TJ % note\n<< /A (x(y)z) >>"),
            [
                Token::Name(b"F11".to_vec()),
                Token::Number(12.5),
                Token::Word(b"Tf".to_vec()),
                Token::ArrayOpen,
                string(b"a(b)\n"),
                Token::Number(-3.0),
                string(b"AB@"),
                Token::ArrayClose,
                Token::Word(b"TJ".to_vec()),
                Token::DictOpen,
                Token::Name(b"A".to_vec()),
                string(b"x(y)z"),
                Token::DictClose,
            ]
        );
        assert_eq!(
            tokens(b"--5 .5 1e99"),
            // PDF has no exponents.
            [Token::Number(-5.0), Token::Number(0.5), Token::Word(b"1e99".to_vec())]
        );
        assert_eq!(tokens(b"(open <41"), [string(b"open <41")]);
        assert_eq!(tokens(b"}{)>"), []);
    }

    #[test]
    fn an_inline_image_is_passed_over() {
        let mut lexer = Lexer::new(b"BI /W 1 ID \x01EIx\x02 EI Q");
        while lexer.next() != Some(Token::Word(b"ID".to_vec())) {}
        lexer.skip_image();
        assert_eq!(lexer.next(), Some(Token::Word(b"Q".to_vec())));
        let mut endless = Lexer::new(b"ID abc");
        endless.skip_image();
        assert_eq!(endless.next(), None);
    }
}
