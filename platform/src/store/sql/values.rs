//! Values of the model as databases store them: ids as text, times as integers, hashes as bytes, and whether something
//! is so as 0 or 1.

use crate::{
    clock::Timestamp,
    model::{AppId, DetectionId, ExternalId, InstallId, KeyId, Origin, UserId},
    secret::Hashed,
};

/// A value in a database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::store) enum Value<'v> {
    Null,
    Integer(i64),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// A value that can be stored.
pub(in crate::store) trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

/// A value that can be read. None where what is stored is not one.
pub(in crate::store) trait FromValue: Sized {
    fn from_value(value: Value<'_>) -> Option<Self>;
}

/// The values of a statement, in the order of their numbers.
macro_rules! values {
    ($( $value:expr ),* $(,)?) => { &[$( $crate::store::sql::values::ToValue::to_value(&$value) ),*] };
}
pub(in crate::store) use values;

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

macro_rules! texts {
    ($( $name:ident: $parse:expr, )+) => { $(
        impl ToValue for $name {
            fn to_value(&self) -> Value<'_> {
                Value::Text(self.as_str())
            }
        }

        impl FromValue for $name {
            fn from_value(value: Value<'_>) -> Option<Self> {
                let Value::Text(text) = value else { return None };
                $parse(text)
            }
        }
    )+ };
}

texts! {
    AppId: AppId::parse,
    UserId: UserId::parse,
    KeyId: KeyId::parse,
    InstallId: InstallId::parse,
    DetectionId: DetectionId::parse,
    ExternalId: |text: &str| ExternalId::parse(text.to_owned()),
    String: |text: &str| Some(text.to_owned()),
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for Origin {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

macro_rules! integers {
    ($( $name:ty: $to:expr, $from:expr; )+) => { $(
        impl ToValue for $name {
            fn to_value(&self) -> Value<'_> {
                Value::Integer($to(*self))
            }
        }

        impl FromValue for $name {
            fn from_value(value: Value<'_>) -> Option<Self> {
                let Value::Integer(number) = value else { return None };
                $from(number)
            }
        }
    )+ };
}

integers! {
    i64: |number| number, Some;
    u32: i64::from, |number: i64| number.try_into().ok();
    bool: i64::from, |number: i64| Some(number != 0);
    Timestamp: |time: Timestamp| time.0, |number| Some(Timestamp(number));
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let Value::Bytes(bytes) = value else { return None };
        Some(bytes.to_owned())
    }
}

impl<K> ToValue for Hashed<K> {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self.as_bytes())
    }
}

impl<K> FromValue for Hashed<K> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let Value::Bytes(bytes) = value else { return None };
        Hashed::from_bytes(bytes)
    }
}
