//! Content streams: which characters a page shows, and where.

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::super::{DocumentError, Format};
use super::font::{Font, Shown, dictionary, entry};
use super::lexer::{Lexer, Token};
use crate::limits::{PDF_CONTENT_BYTES, PDF_DEPTH, PDF_PIECES, PDF_STREAM_BYTES};

/// Most operands that an operator is given.
const OPERANDS: usize = 1 << 16;
/// What a stream costs at least, in bytes: forms that paint each other end by this.
const STREAM_COST: usize = 2 << 10;
/// Deepest nesting of saved graphics states.
const SAVED_STATES: usize = 256;

/// Characters set side by side without a gap, in points from the page's lower left.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) left: f32,
    pub(super) right: f32,
    /// Height of the baseline.
    pub(super) y: f32,
    /// Size of the font.
    pub(super) size: f32,
    pub(super) is_bold: bool,
    /// Direction of writing in quarter turns; `None` for anything aslant.
    pub(super) turn: Option<u8>,
}

/// An affine map as PDF writes it.
type Matrix = [f32; 6];

const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// `a` and then `b`.
fn then(a: Matrix, b: Matrix) -> Matrix {
    [
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    ]
}

/// What reading all pages has in common: fonts by their objects, and what is left of the bounds.
pub(super) struct Budget {
    fonts: HashMap<ObjectId, Rc<Font>>,
    bytes: usize,
    pieces: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { fonts: HashMap::new(), bytes: PDF_CONTENT_BYTES, pieces: PDF_PIECES }
    }

    /// Takes bytes of content away.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), DocumentError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(DocumentError::TooComplex {
            format: Format::Pdf,
            what: "bytes of content",
            limit: PDF_CONTENT_BYTES,
        })?;
        Ok(())
    }

    /// How many bytes the next stream may have.
    pub(super) fn stream_bytes(&self) -> usize {
        self.bytes.min(PDF_STREAM_BYTES)
    }
}

/// What a page shows.
#[derive(Debug, Default)]
pub(super) struct Shows {
    pub(super) pieces: Vec<Piece>,
    pub(super) images: usize,
}

/// Text state, which `q` saves and `Q` restores with the rest of the graphics state.
#[derive(Debug, Clone)]
struct State {
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f32,
    character_space: f32,
    word_space: f32,
    stretch: f32,
    leading: f32,
    rise: f32,
}

/// Reads a page's content.
pub(super) struct Interpreter<'a> {
    document: &'a Document,
    budget: &'a mut Budget,
    shows: Shows,
    state: State,
    saved: Vec<State>,
    text: Matrix,
    line: Matrix,
    /// Marked content that is open, and from where on it is an artifact: a running header, a
    /// page number.
    marks: usize,
    artifact_from: Option<usize>,
    label: Option<Label>,
}

/// The mark of a list item that is open, and where its drawing begins: some producers draw
/// bullets and do not write them.
#[derive(Debug, Clone, Copy)]
struct Label {
    mark: usize,
    pieces: usize,
    drawn_at: Option<(f32, f32)>,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(document: &'a Document, budget: &'a mut Budget) -> Self {
        let state = State {
            matrix: IDENTITY,
            font: None,
            size: 0.0,
            character_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        Self {
            document,
            budget,
            shows: Shows::default(),
            state,
            saved: Vec::new(),
            text: IDENTITY,
            line: IDENTITY,
            marks: 0,
            artifact_from: None,
            label: None,
        }
    }

    pub(super) fn finish(self) -> Shows {
        self.shows
    }

    /// Runs a stream with the resources that it names things from.
    pub(super) fn run(
        &mut self,
        content: &[u8],
        resources: Option<&'a Dictionary>,
        depth: usize,
    ) -> Result<(), DocumentError> {
        self.budget.spend(content.len().max(STREAM_COST))?;
        let mut lexer = Lexer::new(content);
        let mut operands: Vec<Token> = Vec::new();
        while let Some(token) = lexer.next() {
            let Token::Word(operator) = token else {
                if operands.len() < OPERANDS {
                    operands.push(token);
                }
                continue;
            };
            match operator.as_slice() {
                b"ID" => lexer.skip_image(),
                b"Do" => self.paint(&operands, resources, depth)?,
                b"Tf" => self.set_font(&operands, resources),
                other => self.operator(other, &operands)?,
            }
            operands.clear();
        }
        Ok(())
    }

    fn operator(&mut self, operator: &[u8], operands: &[Token]) -> Result<(), DocumentError> {
        let numbers = || {
            operands.iter().filter_map(|token| match token {
                Token::Number(number) => Some(*number),
                _ => None,
            })
        };
        let first = || numbers().next().unwrap_or(0.0);
        let matrix = || {
            let mut matrix = IDENTITY;
            for (slot, number) in matrix.iter_mut().zip(numbers()) {
                *slot = number;
            }
            matrix
        };
        match operator {
            b"q" if self.saved.len() < SAVED_STATES => self.saved.push(self.state.clone()),
            b"Q" => {
                if let Some(state) = self.saved.pop() {
                    self.state = state;
                }
            }
            b"cm" => self.state.matrix = then(matrix(), self.state.matrix),
            b"BT" => (self.text, self.line) = (IDENTITY, IDENTITY),
            b"Tm" => {
                self.text = matrix();
                self.line = self.text;
            }
            b"Td" | b"TD" => {
                let (x, y) = (first(), numbers().nth(1).unwrap_or(0.0));
                if operator == b"TD" {
                    self.state.leading = -y;
                }
                self.next_line(x, y);
            }
            b"T*" => self.next_line(0.0, -self.state.leading),
            b"Tc" => self.state.character_space = first(),
            b"Tw" => self.state.word_space = first(),
            b"Tz" => self.state.stretch = first() / 100.0,
            b"TL" => self.state.leading = first(),
            b"Ts" => self.state.rise = first(),
            b"Tj" | b"TJ" => self.show(operands)?,
            b"'" | b"\"" => {
                if operator == b"\"" {
                    self.state.word_space = first();
                    self.state.character_space = numbers().nth(1).unwrap_or(0.0);
                }
                self.next_line(0.0, -self.state.leading);
                let strings = operands.iter().filter(|t| matches!(t, Token::String(_))).cloned();
                self.show(&strings.collect::<Vec<_>>())?;
            }
            b"BMC" | b"BDC" => {
                self.marks += 1;
                let is_tag = |tag: &[u8]| matches!(operands.first(), Some(Token::Name(name)) if name.as_slice() == tag);
                if is_tag(b"Artifact") && self.artifact_from.is_none() {
                    self.artifact_from = Some(self.marks);
                }
                if is_tag(b"Lbl") {
                    let pieces = self.shows.pieces.len();
                    self.label = Some(Label { mark: self.marks, pieces, drawn_at: None });
                }
            }
            b"m" | b"re" => {
                let (x, y) = (first(), numbers().nth(1).unwrap_or(0.0));
                let place = then([1.0, 0.0, 0.0, 1.0, x, y], self.state.matrix);
                if let Some(label) = &mut self.label {
                    label.drawn_at = label.drawn_at.or(Some((place[4], place[5])));
                }
            }
            b"EMC" => {
                if let Some(label) = self.label.take_if(|label| label.mark == self.marks) {
                    self.bullet(label);
                }
                if self.artifact_from == Some(self.marks) {
                    self.artifact_from = None;
                }
                self.marks = self.marks.saturating_sub(1);
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes the bullet that a label was drawn as.
    fn bullet(&mut self, label: Label) {
        let (Some((x, y)), Some(last)) = (label.drawn_at, self.shows.pieces.last()) else { return };
        if self.shows.pieces.len() > label.pieces || last.turn != Some(0) {
            return;
        }
        let size = last.size;
        // Bullets stand at half the height of small letters.
        let bullet = Piece {
            text: "•".to_owned(),
            left: x - 0.3 * size,
            right: x,
            y: y - 0.3 * size,
            size,
            is_bold: false,
            turn: Some(0),
        };
        self.shows.pieces.push(bullet);
    }

    fn next_line(&mut self, x: f32, y: f32) {
        self.line = then([1.0, 0.0, 0.0, 1.0, x, y], self.line);
        self.text = self.line;
    }

    fn set_font(&mut self, operands: &[Token], resources: Option<&'a Dictionary>) {
        if let [Token::Name(name), Token::Number(size), ..] = operands {
            self.state.size = *size;
            self.state.font = resources.and_then(|resources| self.font(name, resources));
        }
    }

    fn font(&mut self, name: &[u8], resources: &'a Dictionary) -> Option<Rc<Font>> {
        let fonts = dictionary(self.document, resources, b"Font")?;
        let id = fonts.get(name).ok()?.as_reference().ok();
        if let Some(font) = id.and_then(|id| self.budget.fonts.get(&id)) {
            return Some(Rc::clone(font));
        }
        let font = Rc::new(Font::load(self.document, dictionary(self.document, fonts, name)?));
        if let Some(id) = id {
            self.budget.fonts.insert(id, Rc::clone(&font));
        }
        Some(font)
    }

    /// Paints a form, which has content of its own, or counts an image.
    fn paint(
        &mut self,
        operands: &[Token],
        resources: Option<&'a Dictionary>,
        depth: usize,
    ) -> Result<(), DocumentError> {
        let Some(Token::Name(name)) = operands.first() else { return Ok(()) };
        let objects = resources.and_then(|r| dictionary(self.document, r, b"XObject"));
        let object = objects.and_then(|objects| entry(self.document, objects, name));
        let Some(Object::Stream(stream)) = object else { return Ok(()) };
        match stream.dict.get(b"Subtype").and_then(Object::as_name) {
            Ok(b"Image") => self.shows.images += 1,
            Ok(b"Form") if depth < PDF_DEPTH => {
                let limit = self.budget.stream_bytes();
                let content = match stream.get_plain_content_with_limit(limit) {
                    Ok(content) => content,
                    Err(error) => return super::beyond_limit(&error).map_or(Ok(()), Err),
                };
                let own = dictionary(self.document, &stream.dict, b"Resources").or(resources);
                let matrix = entry(self.document, &stream.dict, b"Matrix");
                let before = (self.state.clone(), self.text, self.line);
                let (marks, saved) = (self.marks, std::mem::take(&mut self.saved));
                if let Some(Ok(numbers)) = matrix.map(Object::as_array) {
                    let mut matrix = IDENTITY;
                    for (slot, number) in matrix.iter_mut().zip(numbers) {
                        *slot = number.as_float().unwrap_or(0.0);
                    }
                    self.state.matrix = then(matrix, self.state.matrix);
                }
                let result = self.run(&content, own, depth + 1);
                (self.state, self.text, self.line) = before;
                (self.marks, self.saved) = (marks, saved);
                return result;
            }
            _ => {}
        }
        Ok(())
    }

    /// Shows strings with the distances between them.
    fn show(&mut self, operands: &[Token]) -> Result<(), DocumentError> {
        let Some(font) = self.state.font.clone() else { return Ok(()) };
        for token in operands {
            match token {
                Token::String(string) => {
                    let mut is_within = true;
                    font.shown(string, |shown| is_within &= self.glyph(&font, shown));
                    if !is_within {
                        return Err(DocumentError::TooComplex {
                            format: Format::Pdf,
                            what: "pieces of text",
                            limit: PDF_PIECES,
                        });
                    }
                }
                Token::Number(distance) => {
                    self.advance(-distance / 1000.0 * self.state.size * self.state.stretch);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn advance(&mut self, x: f32) {
        self.text = then([1.0, 0.0, 0.0, 1.0, x, 0.0], self.text);
    }

    /// Places a character; false when there are too many pieces.
    fn glyph(&mut self, font: &Font, shown: Shown) -> bool {
        let state = &self.state;
        let glyph = [state.size * state.stretch, 0.0, 0.0, state.size, 0.0, state.rise];
        let placed = then(then(glyph, self.text), state.matrix);
        let width = shown.width * state.size * state.stretch;
        let word_space = if shown.is_space_code { state.word_space } else { 0.0 };
        let spaces = (state.character_space + word_space) * state.stretch;
        let is_visible = self.artifact_from.is_none() && placed.iter().all(|n| n.is_finite());
        let is_within = !is_visible || self.place(font, shown, placed);
        self.advance(width + spaces);
        is_within
    }

    fn place(&mut self, font: &Font, shown: Shown, placed: Matrix) -> bool {
        let (along, up) = ((placed[0], placed[1]), (placed[2], placed[3]));
        let size = up.0.hypot(up.1);
        let length = along.0.hypot(along.1) * shown.width;
        if size < 0.1 {
            return true;
        }
        let turn = match along {
            (x, y) if y.abs() < 0.05 * x.abs() => Some(if x > 0.0 { 0 } else { 2 }),
            (x, y) if x.abs() < 0.05 * y.abs() => Some(if y > 0.0 { 1 } else { 3 }),
            _ => None,
        };
        // Turned so that writing runs to the right.
        let (left, y) = match turn {
            Some(1) => (placed[5], -placed[4]),
            Some(2) => (-placed[4], -placed[5]),
            Some(3) => (-placed[5], placed[4]),
            _ => (placed[4], placed[5]),
        };
        if shown.text.chars().all(char::is_whitespace) {
            return true;
        }
        let right = left + length;
        if let Some(last) = self.shows.pieces.last_mut() {
            let gap = left - last.right;
            let is_next = last.turn == turn
                && last.is_bold == font.is_bold
                && (last.y - y).abs() < 0.05 * size
                && (last.size - size).abs() < 0.05 * size
                && gap > -0.3 * size
                && gap < 0.09 * size
                && left > last.left;
            if is_next {
                last.text.push_str(&shown.text);
                last.right = right;
                return true;
            }
        }
        self.budget.pieces = self.budget.pieces.saturating_sub(1);
        self.shows.pieces.push(Piece {
            text: shown.text,
            left,
            right,
            y,
            size,
            is_bold: font.is_bold,
            turn,
        });
        self.budget.pieces > 0
    }
}
