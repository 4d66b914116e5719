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

    /// Two numbers, each from 0 to its bound - 1, for bounds of at most 65,536, from the same 64
    /// bits.
    #[inline]
    pub fn two_below(&mut self, bounds: [usize; 2]) -> [usize; 2] {
        let bits = self.next();
        let halves = [bits >> 48, bits >> 32 & 0xffff];
        [0, 1].map(|index| (halves[index] as usize * bounds[index]) >> 16)
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
    fn two_at_once_stay_below_and_differ() {
        let mut random = Random::new(7);
        let pairs: Vec<_> = (0..1000).map(|_| random.two_below([16, 33])).collect();
        assert!(pairs.iter().all(|pair| pair[0] < 16 && pair[1] < 33));
        assert!(pairs.contains(&[15, 32]) && pairs.contains(&[0, 0]));
    }

    #[test]
    fn a_zero_seed_does_not_stick_at_zero() {
        assert_ne!(Random::new(0).next(), 0);
    }
}
