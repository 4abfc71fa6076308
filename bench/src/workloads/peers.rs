//! Peers.
use crate::World;
/// Runs them.
pub fn run(_world: &mut World<'_>) -> anyhow::Result<()> {
    Ok(())
}
