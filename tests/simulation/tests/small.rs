//! One small world after the other.

#[test]
fn small() {
    let (first, count): (u64, u64) = match std::env::var("SEEDS") {
        Ok(text) => {
            let mut parts = text.split('+').map(|part| part.parse().unwrap());
            (parts.next().unwrap(), parts.next().unwrap_or(1))
        }
        Err(_) => (0, 1),
    };
    let mut failed = 0;
    for seed in first..first + count {
        let mut plan = strait_simulation::plan::Plan::new(seed, 40);
        plan.trace = std::env::var("TRACE").is_ok();
        match strait_simulation::run::run(plan, None) {
            Ok(outcome) => println!("{seed} {outcome:?}"),
            Err(failure) => {
                failed += 1;
                println!("FAILED {failure}");
            }
        }
    }
    assert_eq!(failed, 0);
}
