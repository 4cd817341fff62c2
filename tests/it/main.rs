
mod document;
mod segment;
