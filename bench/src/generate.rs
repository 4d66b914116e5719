//! Inputs that are too large or too dull to be kept: a C program, and a problem for a solver.

use std::fmt::Write;

/// Numbers that are the same in every run: Marsaglia's xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

/// A C file of so many functions, with structures, loops, switches and calls.
pub fn c_program(functions: u64) -> String {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    let mut text =
        String::from("typedef struct node { struct node *next; long key, value[8]; } node;\n");
    for number in 0..functions {
        c_function(&mut text, number, &mut chance);
    }
    text
}

fn c_function(text: &mut String, number: u64, chance: &mut Chance) {
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes all");
    line(format!("long work_{number}(node *list, long a, long b) {{\n    long sum = a;"));
    line("    for (node *at = list; at; at = at->next) {\n        switch (at->key & 7) {".into());
    for case in 0..8 {
        let (factor, shift, index) = (chance.below(997) + 2, chance.below(31), chance.below(8));
        line(format!(
            "        case {case}: sum += (at->value[{index}] * {factor}) >> {shift}; break;"
        ));
    }
    line("        }\n    }".into());
    for _ in 0..6 {
        let (factor, index, limit) = (chance.below(97), chance.below(8), chance.below(40) + 2);
        line(format!(
            "    for (long i = 0; i < {limit}; i++) sum ^= (b + i) * {factor} - (sum >> 3);"
        ));
        line(format!("    if (list && sum > {factor}) list->value[{index}] += sum - a;"));
    }
    if number > 0 {
        let callee = chance.below(number);
        line(format!("    if (sum & 1) sum += work_{callee}(list, b, sum & 255);"));
    }
    line("    return sum;\n}".into());
}

/// A problem in SMT-LIB: `jobs` jobs on `machines` machines, none two at once, all done in time.
pub fn schedule(jobs: usize, machines: usize, deadline: u64) -> String {
    let mut chance = Chance(0x2545_F491_4F6C_DD1D);
    let mut lengths_of_job = || (0..machines).map(|_| 1 + chance.below(9)).collect();
    let lengths: Vec<Vec<u64>> = (0..jobs).map(|_| lengths_of_job()).collect();
    let mut text = String::from("(set-logic QF_IDL)\n");
    for (job, lengths) in lengths.iter().enumerate() {
        text += &job_in_time(job, lengths, deadline);
        text += &job_in_order(job, lengths);
    }
    for (job, lengths_of_job) in lengths.iter().enumerate() {
        for (other, lengths_of_other) in lengths.iter().enumerate().take(job) {
            text += &never_at_once((job, lengths_of_job), (other, lengths_of_other));
        }
    }
    text + "(check-sat)\n"
}

fn start(job: usize, machine: usize) -> String {
    format!("start_{job}_{machine}")
}

/// The constraint that `first` starts at least `length` before `second`.
fn before(first: &str, second: &str, length: u64) -> String {
    format!("(<= (- {first} {second}) (- {length}))")
}

fn job_in_time(job: usize, lengths: &[u64], deadline: u64) -> String {
    let stay = |(machine, length): (usize, &u64)| {
        let (name, last) = (start(job, machine), deadline.saturating_sub(*length));
        format!("(declare-const {name} Int)\n(assert (>= {name} 0))\n(assert (<= {name} {last}))\n")
    };
    lengths.iter().enumerate().map(stay).collect()
}

/// A job visits the machines one after the other, each job from another one on.
fn job_in_order(job: usize, lengths: &[u64]) -> String {
    let machine_at = |place: usize| (place + job) % lengths.len();
    let step = |place: usize| {
        let (from, to) = (machine_at(place - 1), machine_at(place));
        let constraint = before(&start(job, from), &start(job, to), lengths[from]);
        format!("(assert {constraint})\n")
    };
    (1..lengths.len()).map(step).collect()
}

/// On each machine one job is before the other.
fn never_at_once(one: (usize, &[u64]), other: (usize, &[u64])) -> String {
    let choice = |machine: usize| {
        let (name, other_name) = (start(one.0, machine), start(other.0, machine));
        let earlier = before(&name, &other_name, one.1[machine]);
        let later = before(&other_name, &name, other.1[machine]);
        format!("(assert (or {earlier} {later}))\n")
    };
    (0..one.1.len()).map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_the_same_each_time_and_as_long_as_asked() {
        assert_eq!(c_program(20), c_program(20));
        assert_eq!(c_program(20).matches("long work_").count(), 20);
        assert_eq!(schedule(4, 3, 30), schedule(4, 3, 30));
        assert_eq!(schedule(4, 3, 30).matches("declare-const").count(), 12);
    }
}
