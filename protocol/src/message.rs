//! Messages: types that travel as JSON objects, each field named once.
//!
//! The platform reads and writes them with serde, which says what is wrong with bad input. The SDK has [`Source`] and
//! [`Sink`] over what the engine's own `JSON` makes of a text: a fifth of the code that serde becomes in WebAssembly. A
//! test holds the two against each other.

/// A parsed JSON object, in whatever form the runtime keeps it.
pub trait Source: Sized {
    /// Whether there is such a field, and it is not `null`.
    fn has(&self, key: &str) -> bool;
    /// The text in a field.
    fn text(&self, key: &str) -> Option<String>;
    /// The number in a field.
    fn number(&self, key: &str) -> Option<f64>;
    /// The boolean in a field.
    fn flag(&self, key: &str) -> Option<bool>;
    /// The object in a field.
    fn object(&self, key: &str) -> Option<Self>;
    /// The objects of the list in a field; `None` where anything else stands in it.
    fn list(&self, key: &str) -> Option<Vec<Self>>;
    /// An object without fields.
    fn empty(&self) -> Self;
    /// Notes that a field was missing or had the wrong type.
    fn fail(&self);
    /// Whether that was noted since this was asked last, here or in an object inside.
    fn take_failed(&self) -> bool;
}

/// A JSON object that is being put together.
pub trait Sink {
    /// Adds a text.
    fn put_text(&mut self, key: &str, value: &str);
    /// Adds a number.
    fn put_number(&mut self, key: &str, value: f64);
    /// Adds a boolean.
    fn put_flag(&mut self, key: &str, value: bool);
    /// Adds an object, which `fill` fills.
    fn put_object(&mut self, key: &str, fill: impl FnOnce(&mut Self));
    /// Adds a list of that many objects, which `fill` fills one by one.
    fn put_list(&mut self, key: &str, length: usize, fill: impl FnMut(usize, &mut Self));
}

/// A type that travels as a JSON object.
pub trait Message: Sized {
    /// Writes its fields.
    fn write<S: Sink>(&self, sink: &mut S);

    /// Reads its fields. What is missing or has the wrong type is noted, and something else stands in its place: going
    /// on is less code than leaving with half a message.
    fn read_fields<S: Source>(source: &S) -> Self;

    /// Reads it; `None` where a field is missing or has the wrong type. Fields that are not known are passed over.
    fn read<S: Source>(source: &S) -> Option<Self> {
        source.take_failed();
        let message = Self::read_fields(source);
        if source.take_failed() { None } else { Some(message) }
    }
}

/// A type that can stand in a field.
pub trait Field: Sized {
    /// Reads it from the field `key`, as [`Message::read_fields`] does.
    fn read_field<S: Source>(source: &S, key: &str) -> Self;

    /// Writes it to the field `key`.
    fn write_field<S: Sink>(&self, sink: &mut S, key: &str);
}

/// What a field holds, or else what stands in its place.
pub(crate) fn expect<S: Source, T: Default>(source: &S, value: Option<T>) -> T {
    value.unwrap_or_else(|| {
        source.fail();
        T::default()
    })
}

impl Field for String {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        expect(source, source.text(key))
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        sink.put_text(key, self);
    }
}

impl Field for bool {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        expect(source, source.flag(key))
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        sink.put_flag(key, *self);
    }
}

impl Field for f64 {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        expect(source, source.number(key))
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        sink.put_number(key, *self);
    }
}

impl Field for u32 {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        // `as` saturates, so only a whole number in range comes back the same.
        let whole = |number: &f64| f64::from(*number as u32) == *number;
        expect(source, source.number(key).filter(whole)) as u32
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        sink.put_number(key, f64::from(*self));
    }
}

impl<T: Field> Field for Option<T> {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        source.has(key).then(|| T::read_field(source, key))
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        if let Some(value) = self {
            value.write_field(sink, key);
        }
    }
}

impl<T: Message> Field for Vec<T> {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        expect(source, source.list(key)).iter().map(T::read_fields).collect()
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        sink.put_list(key, self.len(), |at, object| {
            if let Some(item) = self.get(at) {
                item.write(object);
            }
        });
    }
}

/// Defines a struct that is a [`Message`], and can be a [`Field`] of another.
#[macro_export]
macro_rules! message {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $( $(#[$field_meta])* pub $field: $type, )+ }

        impl $crate::Message for $name {
            fn write<S: $crate::Sink>(&self, sink: &mut S) {
                $( $crate::Field::write_field(&self.$field, sink, stringify!($field)); )+
            }

            fn read_fields<S: $crate::Source>(source: &S) -> Self {
                $name { $( $field: $crate::Field::read_field(source, stringify!($field)), )+ }
            }
        }

        impl $crate::Field for $name {
            fn read_field<S: $crate::Source>(source: &S, key: &str) -> Self {
                let object = source.object(key).unwrap_or_else(|| {
                    source.fail();
                    source.empty()
                });
                $crate::Message::read_fields(&object)
            }

            fn write_field<S: $crate::Sink>(&self, sink: &mut S, key: &str) {
                sink.put_object(key, |object| $crate::Message::write(self, object));
            }
        }
    };
}

/// Defines an enum that travels as a text, and can be a [`Field`].
#[macro_export]
macro_rules! text_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $text:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $( $(#[$variant_meta])* $variant, )+ }

        impl $name {
            /// The text on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// The value of that text.
            pub fn parse(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)+ _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                $name::parse(&text).ok_or_else(|| serde::de::Error::unknown_variant(&text, &[$($text),+]))
            }
        }

        impl $crate::Field for $name {
            fn read_field<S: $crate::Source>(source: &S, key: &str) -> Self {
                source.text(key).and_then(|text| $name::parse(&text)).unwrap_or_else(|| {
                    source.fail();
                    [$($name::$variant),+][0]
                })
            }

            fn write_field<S: $crate::Sink>(&self, sink: &mut S, key: &str) {
                sink.put_text(key, self.as_str());
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::{Message, Sink, Source};
    use crate::{
        ConfigResponse, CreateUserRequest, CreateUserResponse, DetectionsRequest, DetectionsResponse,
        ErrorBody, LinkResponse, MetadataRequest, MetadataResponse, RefreshResponse,
    };
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Map, Value, json};
    use std::cell::Cell;
    use std::fmt::Debug;

    thread_local! {
        static FAILED: Cell<bool> = const { Cell::new(false) };
    }

    impl Source for Value {
        fn has(&self, key: &str) -> bool {
            self.get(key).is_some_and(|value| !value.is_null())
        }
        fn text(&self, key: &str) -> Option<String> {
            self.get(key)?.as_str().map(str::to_owned)
        }
        fn number(&self, key: &str) -> Option<f64> {
            self.get(key)?.as_f64()
        }
        fn flag(&self, key: &str) -> Option<bool> {
            self.get(key)?.as_bool()
        }
        fn object(&self, key: &str) -> Option<Value> {
            self.get(key).filter(|value| value.is_object()).cloned()
        }
        fn list(&self, key: &str) -> Option<Vec<Value>> {
            self.get(key)?.as_array().filter(|items| items.iter().all(Value::is_object)).cloned()
        }
        fn empty(&self) -> Value {
            json!({})
        }
        fn fail(&self) {
            FAILED.set(true);
        }
        fn take_failed(&self) -> bool {
            FAILED.take()
        }
    }

    impl Sink for Map<String, Value> {
        fn put_text(&mut self, key: &str, value: &str) {
            self.insert(key.to_owned(), json!(value));
        }
        fn put_number(&mut self, key: &str, value: f64) {
            // JSON does not tell 1 from 1.0, but `Value` does.
            let whole = value.fract() == 0.0;
            self.insert(key.to_owned(), if whole { json!(value as i64) } else { json!(value) });
        }
        fn put_flag(&mut self, key: &str, value: bool) {
            self.insert(key.to_owned(), json!(value));
        }
        fn put_object(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
            let mut object = Map::new();
            fill(&mut object);
            self.insert(key.to_owned(), Value::Object(object));
        }
        fn put_list(&mut self, key: &str, length: usize, mut fill: impl FnMut(usize, &mut Self)) {
            let items = (0..length).map(|at| {
                let mut object = Map::new();
                fill(at, &mut object);
                Value::Object(object)
            });
            self.insert(key.to_owned(), items.collect());
        }
    }

    /// Both readers, and both writers, must say the same of `good`, and of `good` with each of its fields in turn removed or mistyped.
    fn both_agree<T: Message + Serialize + DeserializeOwned + PartialEq + Debug>(good: &Value) {
        let mut written = Map::new();
        T::read(good).unwrap().write(&mut written);
        assert_eq!(Value::Object(written), *good);
        assert_eq!(serde_json::to_value(T::read(good).unwrap()).unwrap(), *good);
        for broken in damage(good) {
            let by_serde = serde_json::from_value::<T>(broken.clone()).ok();
            assert_eq!(T::read(&broken), by_serde, "{broken}");
        }
    }

    /// `value` itself, and every way to spoil one of its fields, however deep.
    fn damage(value: &Value) -> Vec<Value> {
        let mut variants = vec![value.clone()];
        if let Value::Array(items) = value {
            variants.extend(items.iter().flat_map(damage).map(|item| json!([item])));
            variants.extend([json!([]), json!([1]), json!([null])]);
        }
        let Value::Object(fields) = value else { return variants };
        for (key, inner) in fields {
            let with = |replacement: Option<Value>| {
                let mut spoiled = fields.clone();
                match replacement {
                    Some(replacement) => spoiled.insert(key.clone(), replacement),
                    None => spoiled.remove(key),
                };
                Value::Object(spoiled)
            };
            variants.push(with(None));
            // No list: serde alone also reads a struct from one.
            for wrong in [json!(null), json!(true), json!(1.5), json!(-1), json!("text"), json!({})] {
                variants.push(with(Some(wrong)));
            }
            variants.extend(damage(inner).into_iter().skip(1).map(|deeper| with(Some(deeper))));
        }
        let mut extended = fields.clone();
        extended.insert("later_version".to_owned(), json!({"x": 1}));
        variants.push(Value::Object(extended));
        variants
    }

    #[test]
    fn sdk_and_platform_agree_on_every_message() {
        let token = json!({
            "access_token": "sat_x", "expires_at": 1_700_000_000_000_u64, "refresh_token": "srt_x", "generation": 1,
        });
        let config =
            json!({"status_poll_seconds": 60, "trip_timeout_seconds": 7200, "disk_quota_bytes": 1000});
        both_agree::<CreateUserResponse>(&json!({
            "user_id": "0123", "linked": true, "install_state": "active", "token": token, "config": config,
            "server_time": 1_700_000_000_000_u64, "metadata_keys": "0123abcd",
        }));
        both_agree::<RefreshResponse>(&json!({"token": token, "server_time": 1}));
        both_agree::<ConfigResponse>(&json!({
            "install_state": "inactive", "config": config, "server_time": 1,
        }));
        both_agree::<LinkResponse>(&json!({
            "user_id": "0123", "linked": true, "install_state": "active", "metadata_keys": "0123abcd",
        }));
        both_agree::<MetadataRequest>(&json!({
            "revision": 3, "entries": [{"key": "a", "value": "b"}, {"key": "gone"}],
        }));
        both_agree::<MetadataResponse>(&json!({"revision": 3}));
        both_agree::<DetectionsRequest>(&json!({"detections": [
            {"id": "1", "time": 1, "position": {"latitude": 1.5, "longitude": -2.5, "accuracy": 3.25, "speed": 4.5}},
            {"id": "2", "time": 2, "motion": {
                "duration_ms": 1, "samples": 2, "acceleration_mean": 1.5, "acceleration_max": 2.5,
            }},
            {"id": "3", "time": 3, "trip": {
                "started_at": 3, "ended_at": 4, "timed_out": true, "transport_mode": 2,
                "metadata": [{"key": "a", "value": "b"}],
            }},
        ]}));
        both_agree::<DetectionsResponse>(&json!({"accepted": 1, "known": 2}));
        both_agree::<ErrorBody>(&json!({"message": "m", "errorCode": "NOT_FOUND", "ref": "r"}));
        both_agree::<CreateUserRequest>(&json!({
            "authentication_code": "c", "install_id": "i", "idempotency_key": "k",
            "app": {"name": "n", "origin": "o"},
            "device": {"class": "phone", "class_source": "user_agent", "os": "ios"},
            "sdk": {"version": "1", "runtime": "node"},
        }));
        both_agree::<CreateUserRequest>(&json!({
            "application": {"id": "a", "secret": "s", "linking": true}, "install_id": "i", "idempotency_key": "k",
            "app": {}, "device": {"class": "phone", "class_source": "user_agent"},
            "sdk": {"version": "1", "runtime": "node"},
        }));
    }
}
