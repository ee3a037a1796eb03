//! The program: parse, log to standard error, run, exit code.

use std::process::ExitCode;

use bitrix24_crm_mcp::cli::{
    Cli,
    log::{Log, is_news},
};
use clap::Parser;
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version go to standard output and are no failure.
        Err(message) => {
            let code = if message.use_stderr() { 2 } else { 0 };
            let _ = message.print();
            return ExitCode::from(code);
        }
    };
    let settings = cli.settings();
    let log = match &settings {
        Ok(settings) => settings.log.clone(),
        Err(unusable) => unusable.log.clone(),
    };
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(|| Log).with_ansi(false);
    tracing_subscriber::registry().with(to_stderr.with_filter(log.and(filter_fn(is_news)))).init();

    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be started");
            Log::flush();
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(cli.run(settings));
    // Where standard input is read by a thread, nothing could interrupt it.
    runtime.shutdown_background();
    Log::flush();
    code
}
