//! Strict CBOR: what may arrive from outside (RFC 8949 §4.2).
