"""The red team: attacks on this installation, each with a control that succeeds where its defence is switched off."""
