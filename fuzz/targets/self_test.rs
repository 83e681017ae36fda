//! Not about the product: a bug on purpose that nobody finds by chance, and a fuzzer that is led by coverage soon does.
//! It shows that crashes are seen and that coverage is.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Byte by byte, so that each right byte is news. By chance it takes 256 to the sixth tries.
fuzz_target!(|data: &[u8]| {
    let mut right = 0;
    for (expected, given) in b"planted".iter().zip(data) {
        if expected != given {
            return;
        }
        right += 1;
        // A branch of its own for each depth: that is what coverage sees.
        match right {
            1 => std::hint::black_box(1),
            2 => std::hint::black_box(2),
            3 => std::hint::black_box(3),
            4 => std::hint::black_box(4),
            5 => std::hint::black_box(5),
            6 => std::hint::black_box(6),
            _ => panic!("the planted bug was found"),
        };
    }
});
