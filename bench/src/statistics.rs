//! Medians, spreads, geometric means. Nothing here knows what the numbers are.

/// The value below which `part` of the sorted values lie, between two neighbours in proportion.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = part * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    Some(sorted[below] + (sorted[above] - sorted[below]) * place.fract())
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The middle value; none of no values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(&sorted(values), 0.5)
}

/// The least value; none of no values.
pub fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

/// Noise: the distance between the quartiles as a share of the median. It needs two values.
pub fn spread(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = quantile(&sorted, 0.5).filter(|&middle| sorted.len() > 1 && middle > 0.0)?;
    Some((quantile(&sorted, 0.75)? - quantile(&sorted, 0.25)?) / middle)
}

/// The geometric mean of positive values: twice as slow here and twice as fast there is 1.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|&value| value <= 0.0) {
        return None;
    }
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    Some((sum / values.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn median_is_the_middle_or_between_the_two_in_the_middle() {
        assert!(is_near(median(&[3.0, 1.0, 2.0]), 2.0));
        assert!(is_near(median(&[4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(is_near(median(&[7.0]), 7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn least_is_the_smallest() {
        assert_eq!(least(&[3.0, 1.0, 2.0]), Some(1.0));
        assert_eq!(least(&[]), None);
    }

    #[test]
    fn spread_is_the_quartiles_distance_by_the_median() {
        assert!(is_near(spread(&[1.0, 2.0, 3.0, 4.0, 5.0]), 2.0 / 3.0));
        assert!(is_near(spread(&[2.0, 2.0, 2.0]), 0.0));
        assert_eq!(spread(&[2.0]), None);
        assert_eq!(spread(&[0.0, 0.0]), None);
    }

    #[test]
    fn one_outlier_moves_neither_median_nor_spread_far() {
        let calm = [10.0, 10.0, 11.0, 10.0, 10.0];
        let hit = [10.0, 10.0, 500.0, 10.0, 10.0];
        assert_eq!(median(&calm), median(&hit));
        assert_eq!(spread(&calm), spread(&hit));
    }

    #[test]
    fn geometric_mean_weighs_factors() {
        assert!(is_near(geometric_mean(&[2.0, 0.5]), 1.0));
        assert!(is_near(geometric_mean(&[1.0, 10.0, 100.0]), 10.0));
        assert_eq!(geometric_mean(&[]), None);
        assert_eq!(geometric_mean(&[1.0, 0.0]), None);
    }
}
