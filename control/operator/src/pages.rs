//! Manual pages and shell completions.

use std::{io::Write, path::Path};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::{Man, roff::Roff};

use crate::{
    arguments::Arguments,
    exit::{Exit, Failure},
};

/// Prints the completion script of `shell`.
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "strait", &mut script);
    crate::print::lines(String::from_utf8_lossy(&script).trim_end())
}

/// Writes `strait.1` and a page for each command below it.
pub fn manual_pages(directory: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("{}: {error}", directory.display()))
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut command = Arguments::command();
    command.build();
    write_pages(&command, directory).map_err(failed)
}

fn write_pages(command: &Command, directory: &Path) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or("strait");
    let mut page = Vec::new();
    render(&Man::new(command.clone()).title(name), &mut page)?;
    std::fs::write(directory.join(format!("{name}.1")), page)?;
    command
        .get_subcommands()
        .try_for_each(|below| write_pages(below, directory))
}

fn render(man: &Man, page: &mut dyn Write) -> std::io::Result<()> {
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    man.render_subcommands_section(page)?;
    exit_status().to_writer(page)
}

fn exit_status() -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        roff.control("TP", []);
        roff.text([clap_mangen::roff::bold(exit.code().to_string())]);
        roff.text([clap_mangen::roff::roman(exit.meaning())]);
    }
    roff
}
