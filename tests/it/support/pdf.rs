//! PDF files written by hand.

use std::fmt::Write as _;

/// Text at a place, in points from the lower left.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) size: f32,
    pub(crate) is_bold: bool,
    pub(crate) shown: String,
}

/// Text in ten points.
pub(crate) fn text(x: f32, y: f32, shown: &str) -> Text {
    Text { x, y, size: 10.0, is_bold: false, shown: shown.to_owned() }
}

/// The objects of a file; object 1 is the catalogue.
#[derive(Debug, Default)]
pub(crate) struct Pdf {
    objects: Vec<Vec<u8>>,
}

impl Pdf {
    /// Adds an object; its number.
    pub(crate) fn add(&mut self, object: impl Into<Vec<u8>>) -> usize {
        self.objects.push(object.into());
        self.objects.len()
    }

    /// Adds a stream; its number.
    pub(crate) fn stream(&mut self, dictionary: &str, data: &[u8]) -> usize {
        let head = format!("<< {dictionary} /Length {} >>\nstream\n", data.len());
        self.add([head.as_bytes(), data, b"\nendstream"].concat())
    }

    /// Replaces an object.
    pub(crate) fn set(&mut self, number: usize, object: impl Into<Vec<u8>>) {
        self.objects[number - 1] = object.into();
    }

    /// The file, with more in its trailer if asked.
    pub(crate) fn finish(&self, trailer: &str) -> Vec<u8> {
        let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", self.objects.len() + 1);
        for (number, object) in self.objects.iter().enumerate() {
            writeln!(table, "{:010} 00000 n ", out.len()).unwrap();
            out.extend(format!("{} 0 obj\n", number + 1).bytes());
            out.extend(object);
            out.extend(b"\nendobj\n");
        }
        let start = out.len();
        out.extend(table.bytes());
        let size = self.objects.len() + 1;
        let end = format!(
            "trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n"
        );
        out.extend(end.bytes());
        out
    }
}

/// A file whose pages have these contents.
pub(crate) fn with_contents(contents: &[(String, Vec<u8>)]) -> Pdf {
    let mut pdf = Pdf::default();
    pdf.add("<< /Type /Catalog /Pages 2 0 R >>");
    pdf.add("");
    let font = |name: &str| {
        format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
    };
    let plain = pdf.add(font("Helvetica"));
    let bold = pdf.add(font("Helvetica-Bold"));
    let resources = format!("<< /Font << /F1 {plain} 0 R /F2 {bold} 0 R >> >>");
    let mut kids = String::new();
    for (dictionary, content) in contents {
        let content = pdf.stream(dictionary, content);
        let page = pdf.add(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R /Resources {resources} >>"
        ));
        write!(kids, "{page} 0 R ").unwrap();
    }
    pdf.set(2, format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", contents.len()));
    pdf
}

/// A file with the given texts on its pages.
pub(crate) fn pages(pages: &[Vec<Text>]) -> Vec<u8> {
    let content = |texts: &Vec<Text>| {
        let mut content = Vec::new();
        for Text { x, y, size, is_bold, shown } in texts {
            let font = if *is_bold { "F2" } else { "F1" };
            content.extend(format!("BT /{font} {size} Tf 1 0 0 1 {x} {y} Tm (").bytes());
            let (encoded, _, _) = encoding_rs::WINDOWS_1252.encode(shown);
            for byte in encoded.iter() {
                if matches!(byte, b'(' | b')' | b'\\') {
                    content.push(b'\\');
                }
                content.push(*byte);
            }
            content.extend(b") Tj ET\n");
        }
        (String::new(), content)
    };
    with_contents(&pages.iter().map(content).collect::<Vec<_>>()).finish("")
}
