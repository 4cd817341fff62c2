mod document;
mod segment;
