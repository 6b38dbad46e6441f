//! The live view: sections laid out on the terminal.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize},
    text::Line,
    widgets::{Block, Row, Table},
};

use super::{
    Picture,
    sections::{self, Section},
};
use crate::{exit::Failure, print};

/// What is on the screen: the latest picture and the one before, for what happens a second.
pub(super) struct Screen {
    latest: Picture,
    earlier: Option<Picture>,
    /// Why there is no newer picture.
    trouble: Option<String>,
    /// The first call shown.
    offset: usize,
}

impl Screen {
    pub(super) fn new(first: Picture) -> Screen {
        Screen {
            latest: first,
            earlier: None,
            trouble: None,
            offset: 0,
        }
    }

    /// Takes over a new picture, or says why there is none.
    pub(super) fn next(&mut self, picture: Result<Picture, Failure>) {
        match picture {
            Ok(picture) => {
                self.earlier = Some(std::mem::replace(&mut self.latest, picture));
                self.trouble = None;
            }
            Err(failure) => self.trouble = Some(failure.message),
        }
        self.scroll(0);
    }

    /// Moves the list of calls.
    pub(super) fn scroll(&mut self, by: isize) {
        let last = self.latest.calls.len().saturating_sub(1);
        self.offset = self.offset.saturating_add_signed(by).min(last);
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let (picture, earlier) = (&self.latest, self.earlier.as_ref());
        let workers = sections::workers(picture, earlier);
        let drops = sections::drops(picture, earlier);
        let softswitches = sections::softswitches(&picture.status);
        let realms = sections::realms(&picture.status);
        let signalling = sections::signalling(&picture.status);
        let middle = [&drops, &softswitches, &realms, &signalling];
        let tallest = middle
            .iter()
            .map(|section| height(section))
            .max()
            .unwrap_or(0);
        let rows = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(height(&workers)),
            Constraint::Length(tallest.min(frame.area().height / 3)),
            Constraint::Min(4),
            Constraint::Length(1),
        ]);
        let [top, upper, centre, lower, bottom] = rows.areas(frame.area());
        let headline = sections::headline(picture);
        frame.render_widget(Line::from(headline).bold().reversed(), top);
        place(frame, &workers, upper, 0);
        let columns = Layout::horizontal([Constraint::Fill(1); 4]).areas::<4>(centre);
        for (section, area) in middle.into_iter().zip(columns) {
            place(frame, section, area, 0);
        }
        place(frame, &sections::calls_of(picture), lower, self.offset);
        frame.render_widget(self.footer(), bottom);
    }

    fn footer(&self) -> Line<'_> {
        match &self.trouble {
            Some(trouble) => Line::from(trouble.as_str()).red(),
            None => Line::from("q: leave   up, down, page up, page down: calls").dim(),
        }
    }
}

/// Rows with the head and the frame around them.
fn height(section: &Section) -> u16 {
    u16::try_from(section.rows.len() + 3).unwrap_or(u16::MAX)
}

fn place(frame: &mut Frame<'_>, section: &Section, area: Rect, offset: usize) {
    let shown = &section.rows[offset.min(section.rows.len())..];
    let widths = print::widths(&section.head, &section.rows);
    let widths = widths.iter().map(|width| Constraint::Length(*width as u16));
    let rows = shown
        .iter()
        .take(area.height.into())
        .map(|row| Row::new(row.iter().cloned()));
    let table = Table::new(rows, widths)
        .header(Row::new(section.head.iter().copied()).style(Style::new().dim()))
        .column_spacing(2)
        .block(Block::bordered().title(section.title));
    frame.render_widget(table, area);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use ratatui::{Terminal, backend::TestBackend};
    use strait_control::admin::model::Status;

    use super::*;

    fn picture() -> Picture {
        let status: Status = serde_json::from_str(include_str!("../../tests/status.json"))
            .expect("the status of the tests");
        let calls = serde_json::from_str(include_str!("../../tests/calls.json"))
            .expect("the calls of the tests");
        Picture {
            status,
            calls,
            taken: Instant::now(),
        }
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|frame| screen.draw(frame)).expect("drawn");
        terminal.backend().to_string()
    }

    #[test]
    fn shows_calls_workers_drops_and_softswitches() {
        let mut screen = Screen::new(picture());
        screen.next(Ok(picture()));
        let text = drawn(&screen, 160, 40);
        for word in [
            "sip:alice@example.org",
            "unsignalled",
            "core-1",
            "p99.9",
            "0/s",
            "down",
        ] {
            assert!(text.contains(word), "no {word} in\n{text}");
        }
    }

    #[test]
    fn trouble_is_said_and_the_last_picture_stays() {
        let mut screen = Screen::new(picture());
        screen.next(Err(Failure::new(crate::exit::Exit::NotRunning, "gone")));
        let text = drawn(&screen, 160, 40);
        assert!(
            text.contains("gone") && text.contains("sip:alice@example.org"),
            "{text}"
        );
    }

    #[test]
    fn fits_any_terminal_and_scrolls_no_further_than_the_last_call() {
        let mut screen = Screen::new(picture());
        screen.scroll(1_000);
        for (width, height) in [(1, 1), (20, 5), (80, 24)] {
            drawn(&screen, width, height);
        }
        assert!(drawn(&screen, 160, 40).contains("sip:carol@example.org"));
    }
}
