//! The limits of metadata, of users and of trips.

use sentiance_protocol::{METADATA_MAX_CHARS, METADATA_MAX_ENTRIES, MetadataEntry};

/// Whether the key and the value are short enough, counted as JavaScript does.
pub fn entry_fits(entry: &MetadataEntry) -> bool {
    let texts = [Some(&entry.key), entry.value.as_ref()];
    texts.into_iter().flatten().all(|text| text.encode_utf16().count() <= METADATA_MAX_CHARS)
}

/// Whether all of it is short enough, and not too much.
pub fn fits(entries: &[MetadataEntry]) -> bool {
    entries.len() <= METADATA_MAX_ENTRIES && entries.iter().all(entry_fits)
}

#[cfg(test)]
mod tests {
    use super::{entry_fits, fits};
    use sentiance_protocol::MetadataEntry;

    fn entry(key: &str, value: Option<&str>) -> MetadataEntry {
        MetadataEntry { key: key.to_owned(), value: value.map(str::to_owned) }
    }

    #[test]
    fn texts_are_measured_in_utf_16_code_units() {
        assert!(entry_fits(&entry(&"é".repeat(500), Some(&"😀".repeat(250)))));
        assert!(!entry_fits(&entry(&"a".repeat(501), None)));
        assert!(!entry_fits(&entry("a", Some(&format!("{}a", "😀".repeat(250))))));
        assert!(entry_fits(&entry("", Some(""))));
    }

    #[test]
    fn there_are_at_most_50_entries() {
        assert!(fits(&vec![entry("a", None); 50]));
        assert!(!fits(&vec![entry("a", None); 51]));
    }
}
