//! Descriptions built, read back, and refused.

use super::*;

fn line(rtp: &str, direction: Direction) -> Line {
    Line {
        media: "audio".into(),
        rtp: rtp.parse().unwrap(),
        protocol: "RTP/AVP".into(),
        formats: vec!["8".into(), "0".into()],
        direction,
        rtcp: None,
        alternatives: Vec::new(),
        rtcp_mux: false,
    }
}

#[test]
fn what_is_built_is_read_back() {
    for rtp in ["192.0.2.1:4000", "[2001:db8::1]:4000"] {
        let mut own = line(rtp, Direction::Inactive);
        own.rtcp = Some("192.0.2.9:4100".parse().unwrap());
        own.rtcp_mux = true;
        let origin = own.rtp.ip();
        let description = Description {
            session: 5,
            version: 6,
            origin,
            lines: vec![own],
        };
        assert_eq!(
            Description::parse(description.render().as_bytes()),
            Ok(description)
        );
    }
}

#[test]
fn session_level_values_hold_until_a_line_says_otherwise() {
    let text = "v=0\r\no=- 1 2 IN IP4 host.example\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nr=7d 1h 0\r\n\
        t=0 0\r\na=sendonly\r\nm=audio 4000/2 RTP/AVP 8\r\na=rtcp:4101\r\n\
        m=audio 5000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\na=recvonly\r\n";
    let heard = Description::parse(text.as_bytes()).unwrap();
    assert_eq!(heard.lines[0].direction, Direction::SendOnly);
    assert_eq!(
        heard.lines[0].rtcp_address(),
        "192.0.2.1:4101".parse().unwrap()
    );
    assert_eq!(heard.lines[1].rtp, "[2001:db8::1]:5000".parse().unwrap());
    assert_eq!(heard.lines[1].rtcp_address().port(), 5001);
    assert_eq!(heard.lines[1].direction, Direction::RecvOnly);
}

#[test]
fn an_answer_keeps_the_number_of_lines() {
    let mut video = line("192.0.2.1:6000", Direction::SendRecv);
    video.media = "video".into();
    let lines = vec![video, line("192.0.2.1:4000", Direction::SendRecv)];
    let origin = lines[0].rtp.ip();
    let offer = Description {
        session: 1,
        version: 1,
        origin,
        lines,
    };
    let answer = offer.answer_lines(&line("192.0.2.2:8000", Direction::RecvOnly));
    assert_eq!((answer[0].rtp.port(), answer[1].rtp.port()), (0, 8000));
}

#[test]
fn rubbish_is_an_error() {
    for text in [
        "",
        "x",
        "v=0\r\nm=audio",
        "o=- 1 2 IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP 0",
    ] {
        assert!(Description::parse(text.as_bytes()).is_err());
    }
}
