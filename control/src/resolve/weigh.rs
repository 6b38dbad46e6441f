//! The order in which the targets of SRV records are tried (RFC 2782, "Weight").

use super::limits::MAX_SRV_RECORDS;
use super::records::Srv;

/// Puts records in the order they are to be tried: by priority, and within one priority by lot,
/// where a weight is a number of tickets. `random(n)` is one of 0 to n, each as likely.
pub fn weigh(mut records: Vec<Srv>, random: &mut dyn FnMut(u32) -> u32) -> Vec<Srv> {
    // "placing all those with weight 0 at the beginning of the list", so that they are drawn at
    // times; the sort is stable, so that the DNS decides between equals.
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    records.truncate(MAX_SRV_RECORDS);
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let equals = records.iter().take_while(|r| r.priority == priority);
        let tickets: u32 = equals.clone().map(|record| u32::from(record.weight)).sum();
        let drawn = random(tickets).min(tickets);
        let mut passed = 0;
        let winner = equals
            .map(|record| {
                passed += u32::from(record.weight);
                passed
            })
            .position(|sum| sum >= drawn)
            .expect("the last running sum is all tickets");
        ordered.push(records.remove(winner));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5060,
            target: target.into(),
        }
    }

    fn targets(records: &[Srv]) -> Vec<&str> {
        records.iter().map(|record| &*record.target).collect()
    }

    #[test]
    fn priorities_are_kept_whatever_is_drawn() {
        let records = vec![
            record(20, 1, "c"),
            record(10, 0, "a"),
            record(30, 65_535, "d"),
            record(10, 0, "b"),
        ];
        for number in [0, 1, 65_535] {
            let ordered = weigh(records.clone(), &mut |most| number.min(most));
            assert_eq!(targets(&ordered), ["a", "b", "c", "d"]);
        }
    }

    #[test]
    fn each_ticket_draws_its_record() {
        let records = vec![
            record(1, 3, "three"),
            record(1, 1, "one"),
            record(1, 0, "none"),
        ];
        // Running sums: none 0, three 3, one 4.
        let first = |number| targets(&weigh(records.clone(), &mut |_| number))[0].to_owned();
        assert_eq!(first(0), "none");
        assert_eq!([1, 2, 3].map(first), ["three", "three", "three"]);
        assert_eq!(first(4), "one");
    }

    #[test]
    fn weights_are_shares() {
        let records = vec![record(1, 10, "small"), record(1, 30, "large")];
        let mut number = 0;
        let mut large = 0;
        for _ in 0..41 {
            let mut draw = |most: u32| {
                let drawn = number % (most + 1);
                number += 1;
                drawn
            };
            // The second draw is among one record and takes no number of its own.
            let ordered = weigh(records.clone(), &mut |most| {
                if most == 40 { draw(most) } else { 0 }
            });
            large += u32::from(&*ordered[0].target == "large");
        }
        assert_eq!(large, 30);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_priorities_ascend(
            weights in prop::collection::vec((0u16..4, any::<u16>()), 0..MAX_SRV_RECORDS),
            numbers in prop::collection::vec(any::<u32>(), MAX_SRV_RECORDS),
        ) {
            let records: Vec<Srv> = weights
                .iter()
                .enumerate()
                .map(|(index, (priority, weight))| record(*priority, *weight, &index.to_string()))
                .collect();
            let mut numbers = numbers.into_iter();
            let ordered = weigh(records.clone(), &mut |most| {
                numbers.next().unwrap_or(0) % most.saturating_add(1)
            });
            prop_assert!(ordered.is_sorted_by_key(|record| record.priority));
            let mut sorted = ordered.clone();
            sorted.sort_by_key(|record| record.target.parse::<usize>().unwrap());
            prop_assert_eq!(sorted, records);
        }
    }
}
