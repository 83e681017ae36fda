//! Reading JSON into the protocol's types, as the protocol means it: an object is an object.
//!
//! serde lets every struct be read from an array of its fields too. That is for formats without names, and here would
//! make `["ada"]` a request. So what asks for a struct goes through [`Strictly`], which offers it an object or nothing.
//! What is wrong is told by its place, what was expected and what kind of value came, never by the value: it may be a
//! secret in a wrong field.

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads a value that takes up all of the bytes; else tells what is wrong, in a sentence.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    // serde_json does not look at strings that no field asks for.
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("The body is not UTF-8, at byte {}.", error.valid_up_to()))?;
    if text.starts_with('\u{feff}') {
        return Err("The body is not JSON: it starts with a byte order mark.".to_owned());
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Strictly(&mut json)).map_err(|error| {
        let path = error.path().to_string();
        told(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| told(".", &error))?;
    Ok(value)
}

/// What serde_json says, without the values in it, which stand before the last words of its own.
fn told(path: &str, error: &serde_json::Error) -> String {
    if !error.is_data() {
        return format!("The body is not JSON, at line {} column {}.", error.line(), error.column());
    }
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let place = if path == "." { "body" } else { path };
    let field = |start: &str| {
        let name = text.strip_prefix(start)?.strip_suffix('`')?;
        Some(if path == "." { name.to_owned() } else { format!("{path}.{name}") })
    };
    if let Some(missing) = field("missing field `") {
        return format!("{missing}: missing.");
    }
    if let Some(twice) = field("duplicate field `") {
        return format!("{twice}: there more than once.");
    }
    let expected = text.rsplit_once(", expected ").map_or("another value", |(_, expected)| expected);
    if text.starts_with("unknown field") {
        // Its name is the caller's.
        return format!("A field is not known; expected {expected}.");
    }
    if text.starts_with("unknown variant") {
        return format!("{place}: expected {expected}, got another string.");
    }
    format!("{place}: expected {}, got {}.", kind_expected(expected), kind_got(text))
}

/// The kind of value that a type is read from, in the words of JSON.
fn kind_expected(expected: &str) -> &str {
    match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "f64" => "a number",
        "a sequence" => "an array",
        expected if expected.starts_with("struct ") => "an object",
        expected => expected,
    }
}

/// The kind of value that came. serde writes it before the value.
fn kind_got(text: &str) -> &'static str {
    let got = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    let kind = got.unwrap_or_default().split([' ', ',']).next().unwrap_or_default();
    match kind {
        "boolean" => "a boolean",
        "integer" if text.starts_with("invalid value") => "a number out of range",
        "integer" | "floating" | "number" => "a number",
        "string" | "character" => "a string",
        "null" | "unit" => "null",
        "sequence" => "an array",
        "map" => "an object",
        _ => "something else",
    }
}

/// Reads as what is inside does, but a struct from an object only; and so for everything in it.
struct Strictly<T>(T);

macro_rules! strictly {
    ($( $method:ident ( $($name:ident : $type:ty),* ) )+) => { $(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($name,)* Strictly(visitor))
        }
    )+ };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strictly<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, ObjectOnly(Strictly(visitor)))
    }

    strictly! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_f32() deserialize_f64()
        deserialize_char() deserialize_str() deserialize_string() deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_unit() deserialize_seq() deserialize_map() deserialize_identifier()
        deserialize_ignored_any()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }
}

/// Hands on what it is given, with everything in it read [`Strictly`].
impl<'de, V: Visitor<'de>> Visitor<'de> for Strictly<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.0.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.0.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.0.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.0.visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.0.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.0.visit_borrowed_str(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strictly(inside))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strictly(inside))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strictly(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strictly(fields))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strictly<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strictly(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strictly<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Strictly(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strictly(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strictly<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inside: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strictly(inside))
    }
}

/// A visitor that takes an object, and nothing else.
struct ObjectOnly<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for ObjectOnly<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use sentiance_protocol::{AuthCodeRequest, CreateUserRequest, MetadataRequest};

    #[test]
    fn what_is_wrong_is_told_by_place_and_kind() {
        for (body, told) in [
            (r#"{"external_id":12345}"#, "external_id: expected a string, got a number."),
            (r#"{"external_id":null}"#, "external_id: expected a string, got null."),
            (r#"["ada"]"#, "body: expected an object, got an array."),
            (r#""ada""#, "body: expected an object, got a string."),
            ("{}", "external_id: missing."),
            (r#"{"external_id":"a","external_id":"b"}"#, "external_id: there more than once."),
            (r#"{"external_id":"a","srt_secret":1}"#, "A field is not known; expected `external_id`."),
            (r#"{"external_id":"a"}1"#, "The body is not JSON, at line 1 column 20."),
            (r#"{"external_id":"#, "The body is not JSON, at line 1 column 15."),
            ("\u{feff}{}", "The body is not JSON: it starts with a byte order mark."),
        ] {
            assert_eq!(read::<AuthCodeRequest>(body.as_bytes()).map(|_| ()), Err(told.to_owned()), "{body}");
        }
        let not_utf8 = b"{\"later\":\"\xff\"}";
        assert_eq!(
            read::<CreateUserRequest>(not_utf8).map(|_| ()),
            Err("The body is not UTF-8, at byte 10.".to_owned())
        );
    }

    #[test]
    fn a_place_inside_is_told_with_the_way_to_it() {
        for (body, told) in [
            (r#"{"revision":1,"entries":[["k","v"]]}"#, "entries[0]: expected an object, got an array."),
            (r#"{"revision":1,"entries":{}}"#, "entries: expected an array, got an object."),
            (r#"{"revision":1,"entries":[{"key":"a"},{"value":"b"}]}"#, "entries[1].key: missing."),
            (
                r#"{"revision":1,"entries":[{"key":"a","value":[", expected u32"]}]}"#,
                "entries[0].value: expected a string, got an array.",
            ),
            (
                r#"{"revision":-1,"entries":[]}"#,
                "revision: expected a whole number from 0 to 4294967295, got a number out of range.",
            ),
            (
                r#"{"revision":"srt_secret, expected u32 at line 1","entries":[]}"#,
                "revision: expected a whole number from 0 to 4294967295, got a string.",
            ),
        ] {
            assert_eq!(read::<MetadataRequest>(body.as_bytes()).map(|_| ()), Err(told.to_owned()), "{body}");
        }
    }
}
