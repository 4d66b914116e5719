//! Leaks: the loss records of one search, with their stacks named and the suppressed ones marked.

use super::finding::{Certainty, Stack};
use crate::record::{Amount, Leaks, Loss, LossKind, Module};
use crate::suppressions::{self, Subject, Suppressions};
use crate::symbols::{self, Symbols};
use std::rc::Rc;

/// How much of the search for leaks is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    No,
    Summary,
    #[default]
    Full,
}

/// What to do with leaks.
#[derive(Debug, Clone, Default)]
pub struct LeakSettings {
    pub detail: Detail,
    /// The kinds whose records are shown.
    pub shown: Vec<LossKind>,
    /// The kinds that count as errors.
    pub errors: Vec<LossKind>,
}

impl LeakSettings {
    fn show(&self, kind: LossKind) -> bool {
        self.detail == Detail::Full && self.shown.contains(&kind)
    }
}

/// A loss record with its number in the list, from 1.
#[derive(Debug, Clone)]
pub struct NamedLoss {
    pub loss: Loss,
    pub number: usize,
    /// Without frames if the record isn't shown.
    pub stack: Stack,
    pub is_suppressed: bool,
    /// The entry that would suppress it, where that is wanted.
    pub entry: Option<String>,
}

/// The parts of a list that came so far, and the modules to name them with.
#[derive(Default)]
pub struct Gathered {
    pub leaks: Leaks,
    pub modules: Rc<Vec<Module>>,
}

/// The result of one search.
#[derive(Debug, Clone, Default)]
pub struct LeakReport {
    pub losses: Vec<NamedLoss>,
    /// Of definite, indirect, possible and reachable blocks, without the suppressed ones.
    pub totals: [Amount; 4],
    pub suppressed: Amount,
    pub not_run: Option<String>,
}

impl Gathered {
    /// Adds a packet's part of the list.
    pub fn add(&mut self, part: Leaks, modules: &Rc<Vec<Module>>) {
        self.modules = Rc::clone(modules);
        let leaks = &mut self.leaks;
        leaks.is_at_exit = part.is_at_exit;
        leaks.losses.extend(part.losses);
        leaks.totals = part.totals.or(leaks.totals);
        leaks.not_run = part.not_run.or(leaks.not_run.take());
    }

    /// Names the stacks that someone looks at, and sorts out what is suppressed.
    pub fn name(
        self,
        settings: &LeakSettings,
        symbols: &mut dyn Symbols,
        suppressions: &mut Suppressions,
    ) -> LeakReport {
        let mut report = LeakReport { not_run: self.leaks.not_run, ..LeakReport::default() };
        let mut counted = [Amount::default(); 4];
        for (index, loss) in self.leaks.losses.into_iter().enumerate() {
            let subject = Subject::Leak(loss.kind);
            let frames = match settings.show(loss.kind) || suppressions.may_suppress(&subject) {
                true => symbols::stack(symbols, &self.modules, &loss.stack, false),
                false => Vec::new(),
            };
            let function = Some(loss.function.clone()).filter(|name| !name.is_empty());
            let stack = Stack { function, frames };
            let is_suppressed = suppressions.suppress(&subject, &stack);
            let kind = loss.kind as usize;
            add(&mut counted[kind], loss.bytes, loss.blocks);
            if is_suppressed {
                add(&mut report.suppressed, loss.bytes, loss.blocks);
                subtract(&mut report.totals[kind], loss.bytes, loss.blocks);
            }
            let number = index + 1;
            report.losses.push(NamedLoss { loss, number, stack, is_suppressed, entry: None });
        }
        let totals = self.leaks.totals.unwrap_or(counted);
        for (total, all) in report.totals.iter_mut().zip(totals) {
            add(total, all.bytes, all.blocks);
        }
        report
    }
}

impl LeakReport {
    /// Adds to each record that is shown the entry that would suppress it.
    pub fn add_entries(&mut self, settings: &LeakSettings) {
        for named in self.losses.iter_mut().filter(|named| named.is_shown(settings)) {
            let subject = Subject::Leak(named.loss.kind);
            named.entry = Some(suppressions::entry(&subject, &named.stack));
        }
    }
}

fn add(amount: &mut Amount, bytes: u64, blocks: u64) {
    amount.bytes = amount.bytes.wrapping_add(bytes);
    amount.blocks = amount.blocks.wrapping_add(blocks);
}

fn subtract(amount: &mut Amount, bytes: u64, blocks: u64) {
    amount.bytes = amount.bytes.wrapping_sub(bytes);
    amount.blocks = amount.blocks.wrapping_sub(blocks);
}

impl NamedLoss {
    pub fn is_shown(&self, settings: &LeakSettings) -> bool {
        !self.is_suppressed && settings.show(self.loss.kind)
    }

    pub fn is_error(&self, settings: &LeakSettings) -> bool {
        !self.is_suppressed
            && settings.detail == Detail::Full
            && settings.errors.contains(&self.loss.kind)
    }

    pub fn certainty(&self) -> Certainty {
        match self.loss.kind {
            LossKind::Definite | LossKind::Indirect => Certainty::Certain,
            LossKind::Possible | LossKind::Reachable => Certainty::Possible,
        }
    }
}
