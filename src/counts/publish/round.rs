//! Rounding that adds up: every number becomes a neighbouring multiple of the base, and parts still make their sum.
//!
//! The sum is rounded first and its parts after it, so that a table of any depth stays whole: the parts rounded down
//! are no more than the sum rounded down, and rounded up no less than the sum rounded up. Which of them go up is
//! decided by what is left of them, and then by their order.

/// The multiple of `base` that is nearest to the sum of everything.
pub(super) const fn nearest(value: u64, base: u64) -> u64 {
    let down = value - value % base;
    if value % base * 2 >= base { down.saturating_add(base) } else { down }
}

/// The parts as multiples of `base` that make `sum`, which is a multiple next to what they made before.
pub(super) fn parts(values: &[u64], sum: u64, base: u64) -> Vec<u64> {
    let mut rounded: Vec<u64> = values.iter().map(|value| value - value % base).collect();
    let down: u64 = rounded.iter().sum();
    let mut up: Vec<usize> =
        (0..values.len()).filter(|at| !values[*at].is_multiple_of(base)).collect();
    up.sort_by_key(|at| (std::cmp::Reverse(values[*at] % base), *at));
    let count = usize::try_from(sum.saturating_sub(down) / base).unwrap_or(usize::MAX);
    for at in up.into_iter().take(count) {
        rounded[at] += base;
    }
    debug_assert_eq!(rounded.iter().sum::<u64>(), sum, "parts of {} values", values.len());
    rounded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_decides() {
        assert_eq!(parts(&[11, 14, 20], 45, 5), [10, 15, 20]);
        assert_eq!(parts(&[12, 12, 12], nearest(36, 5), 5), [15, 10, 10]);
        assert_eq!(parts(&[14, 21], 35, 5), [15, 20]);
        assert_eq!([4, 5, 15, 14].map(|value| nearest(value, 10)), [0, 10, 20, 10]);
        assert_eq!(parts(&[], 0, 5), [0; 0]);
        assert_eq!([12, 13, 15, 0].map(|value| nearest(value, 5)), [10, 15, 15, 0]);
    }

    proptest! {
        /// A sum of sums: all stay neighbours of what they were, and add up on both floors.
        #[test]
        fn parts_of_parts_add_up(
            groups in prop::collection::vec(prop::collection::vec(0_u64..1_000, 1..8), 1..8),
            base in 2_u64..12,
        ) {
            let sums: Vec<u64> = groups.iter().map(|group| group.iter().sum()).collect();
            let all = nearest(sums.iter().sum(), base);
            let rounded = parts(&sums, all, base);
            prop_assert_eq!(rounded.iter().sum::<u64>(), all);
            for ((group, sum), was) in groups.iter().zip(&rounded).zip(&sums) {
                prop_assert!(sum.abs_diff(*was) < base && sum % base == 0);
                let inner = parts(group, *sum, base);
                prop_assert_eq!(inner.iter().sum::<u64>(), *sum);
                for (value, was) in inner.iter().zip(group) {
                    prop_assert!(value.abs_diff(*was) < base && value % base == 0);
                }
            }
        }
    }
}
