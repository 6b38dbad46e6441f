//! The operator's socket.

use crate::strait::Strait;

#[test]
fn the_status_tells_what_is_configured() {
    let strait = Strait::start();
    let status = strait.get("/status");
    assert_eq!(status["state"], "running");
    assert_eq!(status["instance"], "strait");
    assert_eq!(status["calls"], 0);
    assert_eq!(status["dataplane"]["attached"], true);
    assert_eq!(status["workers"][0]["alive"], true);
    assert_eq!(status["realms"][0]["name"], "access");
    let listeners = &status["realms"][0]["signalling"];
    assert_eq!(listeners[0], format!("udp {}", strait.place.access));
    assert_eq!(status["realms"][0]["media_pairs"], 10_000);
    assert_eq!(status["softswitches"][0]["name"], "switch");
    let typed: strait_control::admin::model::Status = serde_json::from_value(status).unwrap();
    assert_eq!(typed.softswitches[0].address, strait.place.softswitch);
}

#[test]
fn what_does_not_exist_is_said_so() {
    let strait = Strait::start();
    for (method, path, expected) in [
        ("GET", "/calls", 200),
        ("GET", "/registrations", 200),
        ("GET", "/calls/7", 404),
        ("GET", "/calls/seven", 404),
        ("DELETE", "/calls/7", 404),
        ("GET", "/nothing", 404),
        ("POST", "/calls", 405),
        ("PUT", "/calls/7", 405),
        ("GET", "/drain", 405),
        ("POST", "/drain", 202),
    ] {
        let (status, body) = strait.ask(method, path);
        assert_eq!(status, expected, "{method} {path}: {body}");
        if expected >= 400 {
            let problem: strait_control::admin::model::Problem =
                serde_json::from_str(&body).unwrap();
            assert!(!problem.problem.is_empty());
        }
    }
    assert_eq!(strait.get("/status")["state"], "draining");
}

#[test]
fn metrics_are_in_openmetrics_text() {
    let strait = Strait::start();
    let (status, text) = strait.ask("GET", "/metrics");
    assert_eq!(status, 200);
    for line in [
        "strait_calls 0",
        "strait_dataplane_up 1",
        "strait_media_pairs{realm=\"core\"} 10000",
        "strait_worker_up{worker=\"0\"} 1",
        "strait_transactions{kind=\"server\"} 0",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no {line} in\n{text}"
        );
    }
    assert!(
        text.contains("strait_signalling_latency_seconds{quantile=\"0.99\"}"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"));
}
