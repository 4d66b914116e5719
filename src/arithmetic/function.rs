//! The functions that allocate and free, as a programmer knows them: for reports and records.

/// An exported function, or a group of overloads that a programmer writes alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)] // Each is the function of its name.
pub enum Function {
    Malloc,
    Calloc,
    Realloc,
    ReallocArray,
    PosixMemalign,
    AlignedAlloc,
    Memalign,
    Valloc,
    Pvalloc,
    New,
    NewArray,
    Free,
    FreeSized,
    FreeAlignedSized,
    Delete,
    DeleteArray,
    UsableSize,
}

/// Functions that belong together: a block from one is freed by another of the same family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// The functions of C.
    C,
    /// `new` and `delete`.
    Single,
    /// `new[]` and `delete[]`.
    Array,
}

/// Names, in the order of [`Function`].
const NAMES: [&str; 17] = [
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "operator new",
    "operator new[]",
    "free",
    "free_sized",
    "free_aligned_sized",
    "operator delete",
    "operator delete[]",
    "malloc_usable_size",
];

impl Function {
    /// The name as it is written in a program.
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// The function that has `number` as a `u8`.
    pub const fn from_number(number: u8) -> Self {
        const ALL: [Function; NAMES.len()] = [
            Function::Malloc,
            Function::Calloc,
            Function::Realloc,
            Function::ReallocArray,
            Function::PosixMemalign,
            Function::AlignedAlloc,
            Function::Memalign,
            Function::Valloc,
            Function::Pvalloc,
            Function::New,
            Function::NewArray,
            Function::Free,
            Function::FreeSized,
            Function::FreeAlignedSized,
            Function::Delete,
            Function::DeleteArray,
            Function::UsableSize,
        ];
        ALL[number as usize]
    }

    /// The family that it belongs to.
    pub const fn family(self) -> Family {
        match self {
            Self::New | Self::Delete => Family::Single,
            Self::NewArray | Self::DeleteArray => Family::Array,
            _ => Family::C,
        }
    }

    /// Whether it frees, and does nothing else.
    pub const fn is_freeing(self) -> bool {
        (self as u8) >= Self::Free as u8 && (self as u8) <= Self::DeleteArray as u8
    }

    /// Whether it is one of C++'s operators, whose arguments have the size first.
    pub const fn is_operator(self) -> bool {
        !matches!(self.family(), Family::C)
    }
}

/// What is asked of a function that allocates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The function.
    pub function: Function,
    /// How many bytes.
    pub size_bytes: usize,
    /// A power of two; below 16 it asks for nothing that a block doesn't have anyway.
    pub alignment: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_name_and_family() {
        assert_eq!(Function::UsableSize.name(), "malloc_usable_size");
        assert_eq!(Function::UsableSize as usize + 1, NAMES.len());
        assert_eq!(Function::FreeSized.family(), Function::Calloc.family());
        assert_ne!(Function::New.family(), Function::DeleteArray.family());
        assert!(Function::DeleteArray.is_freeing() && !Function::UsableSize.is_freeing());
        assert!(!Function::Realloc.is_freeing());
        for number in 0..NAMES.len() as u8 {
            assert_eq!(Function::from_number(number) as u8, number);
        }
    }
}
