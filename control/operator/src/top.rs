//! `strait top`: what goes on, live or once.

mod sections;
mod view;

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use serde::Serialize;
use strait_control::admin::model::{Call, Status};

use crate::{
    access::{Access, converse},
    arguments::Top,
    exit::{Exit, Failure},
    print,
};

/// What goes on at one moment.
#[derive(Serialize)]
struct Picture {
    status: Status,
    calls: Vec<Call>,
    #[serde(skip)]
    taken: Instant,
}

/// Shows what goes on.
pub fn top(arguments: &Top) -> Result<(), Failure> {
    let access = Access::new(&arguments.instance)?;
    let picture = converse(take(&access))?;
    if arguments.instance.json {
        print::json(&picture)
    } else if arguments.once {
        print::lines(&sections::text(&picture))
    } else if std::io::stdout().is_terminal() {
        live(
            &access,
            Duration::from_secs_f64(arguments.interval),
            picture,
        )
    } else {
        let message = "standard output is no terminal; --once or --json print one picture";
        Err(Failure::new(Exit::Usage, message))
    }
}

async fn take(access: &Access) -> Result<Picture, Failure> {
    let status = access.status().await?;
    let calls = access.get("/calls").await?;
    Ok(Picture {
        status,
        calls,
        taken: Instant::now(),
    })
}

/// Draws until the operator has seen enough.
fn live(access: &Access, interval: Duration, first: Picture) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init()
        .map_err(|error| Failure::new(Exit::Failed, format!("the terminal: {error}")))?;
    let mut screen = view::Screen::new(first);
    let outcome = loop {
        if let Err(error) = terminal.draw(|frame| screen.draw(frame)) {
            break Err(Failure::new(Exit::Failed, format!("the terminal: {error}")));
        }
        match keys(interval, &mut screen) {
            Ok(true) => break Ok(()),
            Ok(false) => screen.next(converse(take(access))),
            Err(error) => break Err(Failure::new(Exit::Failed, format!("the terminal: {error}"))),
        }
    };
    ratatui::restore();
    outcome
}

/// Waits for the next picture, and answers whether the operator wants to leave before it.
fn keys(interval: Duration, screen: &mut view::Screen) -> std::io::Result<bool> {
    let until = Instant::now() + interval;
    while event::poll(until.saturating_duration_since(Instant::now()))? {
        let Event::Key(key) = event::read()? else {
            return Ok(false);
        };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
            KeyCode::Char('c') if control => return Ok(true),
            KeyCode::Up => screen.scroll(-1),
            KeyCode::Down => screen.scroll(1),
            KeyCode::PageUp => screen.scroll(-20),
            KeyCode::PageDown => screen.scroll(20),
            _ => continue,
        }
        return Ok(false);
    }
    Ok(false)
}
