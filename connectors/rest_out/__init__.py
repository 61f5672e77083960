"""The sink that writes calls and messages to any JSON API, by options alone, with presets for CRMs."""
