//! Time is paused: it passes when all wait.

use std::sync::Arc;

use tokio::task::{JoinHandle, yield_now};

use super::*;

fn limiter(burst: f64, per_second: f64) -> Arc<Limiter> {
    Arc::new(Limiter::new(Rate { burst, per_second }))
}

/// Callers that wait side by side, each for one permit.
async fn begin(limiter: &Arc<Limiter>, caller: Caller, count: u32) -> Vec<JoinHandle<Permit>> {
    let one = |_| {
        let limiter = Arc::clone(limiter);
        tokio::spawn(async move { limiter.permit(caller).await })
    };
    let begun = (0..count).map(one).collect();
    // More than the runtime polls in one go.
    for _ in 0..10 {
        yield_now().await;
    }
    begun
}

/// How long it takes until all have their permits, in seconds.
async fn seconds_until_served(callers: Vec<JoinHandle<Permit>>) -> f64 {
    let start = Instant::now();
    for caller in callers {
        caller.await.unwrap();
    }
    start.elapsed().as_secs_f64()
}

/// A bulk caller that wants the next permit as soon as it has one; counts them.
fn greedy(limiter: &Arc<Limiter>) -> (JoinHandle<()>, Arc<Mutex<u32>>) {
    let (limiter, taken) = (Arc::clone(limiter), Arc::new(Mutex::new(0)));
    let count = Arc::clone(&taken);
    let task = tokio::spawn(async move {
        loop {
            limiter.permit(Caller::Bulk).await;
            *count.lock().unwrap() += 1;
        }
    });
    (task, taken)
}

#[track_caller]
fn assert_about(seconds: f64, expected: f64) {
    // Each wait is rounded up to a millisecond, which a bucket for one token loses.
    let rounding = 0.02 + expected * 0.002;
    assert!((seconds - expected).abs() <= rounding, "{seconds} s instead of {expected} s");
}

#[test]
fn rates_are_read_or_refused() {
    assert_eq!("standard".parse(), Ok(Rate::STANDARD));
    assert_eq!("250/5".parse(), Ok(Rate::ENTERPRISE));
    for text in ["", "fast", "0/1", "5/0", "5/-1", "5/inf", "5", "5/NaN"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
    let limiter = Limiter::new(Rate::STANDARD);
    let start = Instant::now();
    for _ in 0..50 {
        limiter.permit(Caller::Single).await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    for _ in 0..4 {
        limiter.permit(Caller::Single).await;
    }
    assert!(start.elapsed() >= Duration::from_millis(1_990));
    assert!(start.elapsed() <= Duration::from_millis(2_010));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_empties_the_bucket_for_a_second() {
    let limiter = Limiter::new(Rate::STANDARD);
    limiter.permit(Caller::Single).await;
    let start = Instant::now();
    limiter.pause();
    limiter.permit(Caller::Single).await;
    assert!(start.elapsed() >= Duration::from_millis(1_400), "{:?}", start.elapsed());
    limiter.permit(Caller::Single).await;
    assert!(start.elapsed() >= Duration::from_millis(1_900), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gives_up_takes_no_token() {
    let limiter = Limiter::new(Rate { burst: 1.0, per_second: 1.0 });
    limiter.permit(Caller::Single).await;
    let gave_up =
        tokio::time::timeout(Duration::from_millis(100), limiter.permit(Caller::Single)).await;
    assert!(gave_up.is_err());
    let start = Instant::now();
    limiter.permit(Caller::Single).await;
    assert!(start.elapsed() <= Duration::from_millis(910));
}

#[tokio::test(start_paused = true)]
async fn bulk_callers_leave_a_reserve() {
    for (burst, at_once) in [(250.0, 200), (50.0, 40), (5.0, 4), (2.0, 1), (1.0, 1)] {
        let limiter = limiter(burst, 0.001);
        let (task, taken) = greedy(&limiter);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(*taken.lock().unwrap(), at_once, "{burst}");
        task.abort();
        yield_now().await;
        let left: u32 = std::iter::from_fn(|| limiter.try_permit()).map(|_| 1).sum();
        assert_about(f64::from(left + at_once), burst);
    }
}

#[tokio::test(start_paused = true)]
async fn bulk_callers_alone_have_the_whole_rate() {
    for burst in [50.0, 5.0, 1.0] {
        let limiter = limiter(burst, 2.0);
        limiter.pause();
        let callers = begin(&limiter, Caller::Bulk, 20).await;
        let tokens = 19.0 + limiter.bucket().needed_beside_reserve();
        assert_about(seconds_until_served(callers).await, 1.0 + tokens / 2.0);
    }
}

#[tokio::test(start_paused = true)]
async fn single_callers_keep_their_pace_beside_a_bulk_caller() {
    for burst in [50.0, 5.0, 1.0] {
        let mut seconds = Vec::new();
        for has_bulk in [false, true] {
            let limiter = limiter(burst, 2.0);
            limiter.pause();
            let bulk = has_bulk.then(|| greedy(&limiter));
            yield_now().await;
            let singles = begin(&limiter, Caller::Single, 90).await;
            seconds.push(seconds_until_served(singles).await);
            if let Some((task, taken)) = bulk {
                assert_eq!(*taken.lock().unwrap(), 9, "{burst}");
                task.abort();
            }
        }
        // Nine turns of the bulk caller, half a second each.
        assert_about(seconds[0], 46.0);
        assert_about(seconds[1], 50.5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bulk_caller_has_its_turn_when_nobody_waits_and_the_bucket_stays_empty() {
    let limiter = limiter(50.0, 1.0);
    limiter.pause();
    let (_task, taken) = greedy(&limiter);
    let mut singles = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        singles += u32::from(limiter.try_permit().is_some());
    }
    let bulk = *taken.lock().unwrap();
    assert!((9..=10).contains(&bulk), "{bulk}");
    assert!((88..=91).contains(&singles), "{singles}");
}

#[tokio::test(start_paused = true)]
async fn those_who_give_up_hold_up_nobody() {
    let limiter = limiter(1.0, 0.1);
    limiter.permit(Caller::Single).await;
    let singles = begin(&limiter, Caller::Single, 5).await;
    let bulk = begin(&limiter, Caller::Bulk, 1).await;
    assert_eq!(limiter.turn(Caller::Bulk).waiting, 6);
    singles.iter().for_each(JoinHandle::abort);
    assert_about(seconds_until_served(bulk).await, 10.0);

    // The bulk caller that is next gives up.
    let bulk = begin(&limiter, Caller::Bulk, 1).await;
    let singles = begin(&limiter, Caller::Single, SINGLES_IN_A_ROW).await;
    assert_about(seconds_until_served(singles).await, 90.0);
    let single = begin(&limiter, Caller::Single, 1).await;
    assert_about(limiter.turn(Caller::Single).wait.as_secs_f64(), 30.0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    bulk.iter().for_each(JoinHandle::abort);
    yield_now().await;
    assert_eq!(limiter.turn(Caller::Single).waiting, 1);
    assert_about(seconds_until_served(single).await, 5.0);
    assert_eq!(limiter.turn(Caller::Bulk).waiting, 0);
}

/// What is told beforehand is what happens when nobody else comes.
#[tokio::test(start_paused = true)]
async fn a_turn_is_told_beforehand() {
    // burst, per second, singles and bulk callers before, whether the portal has refused, seconds
    let cases = [
        (50.0, 2.0, 0, 0, false, 0.0),
        (50.0, 2.0, 49, 0, false, 0.0),
        (50.0, 2.0, 50, 0, false, 0.5),
        (50.0, 2.0, 69, 0, false, 10.0),
        (50.0, 2.0, 0, 0, true, 1.5),
        (50.0, 2.0, 9, 0, true, 6.0),
        (50.0, 2.0, 9, 1, true, 6.5),
        (50.0, 2.0, 30, 1, true, 17.0),
        (50.0, 2.0, 30, 5, true, 18.0),
        (1.0, 0.1, 4, 0, false, 40.0),
    ];
    for case in cases {
        let (burst, per_second, singles, bulk, is_refused, seconds) = case;
        let limiter = limiter(burst, per_second);
        if is_refused {
            limiter.pause();
        }
        let bulk = begin(&limiter, Caller::Bulk, bulk).await;
        let singles = begin(&limiter, Caller::Single, singles).await;
        let told = limiter.turn(Caller::Single).wait.as_secs_f64();
        assert_about(told, seconds);
        let newcomer = begin(&limiter, Caller::Single, 1).await;
        assert_about(seconds_until_served(newcomer).await, seconds);
        drop((bulk, singles));
    }
}
