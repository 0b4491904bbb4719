//! The formats against golden files, and the encoding against a decoder.
