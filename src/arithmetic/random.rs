//! A small pseudo-random generator for choices that an attacker shall not foresee cheaply and for
//! tests: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators",
//! 2016). It isn't cryptographic.

/// State of one generator; never zero.
pub struct Random(u64);

impl Random {
    /// A generator that starts from `seed`; equal seeds give equal sequences.
    pub const fn new(seed: u64) -> Self {
        Self(if seed == 0 { 0x9E37_79B9_7F4A_7C15 } else { seed })
    }

    /// The next 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 to `bound` - 1; `bound` must not be zero.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut random = Random::new(1);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[random.below(7)] = true;
        }
        assert_eq!(seen, [true; 7]);
    }

    #[test]
    fn a_zero_seed_does_not_stick_at_zero() {
        assert_ne!(Random::new(0).next(), 0);
    }
}
