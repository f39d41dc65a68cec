"""What is being played to a leg: said again where its mixer has died in the middle of it."""

from __future__ import annotations

from dataclasses import dataclass

from sipgateway.media import prompts


@dataclass(slots=True)
class Said:
    """Scripts: `words` that have an end, and the `music` behind them, which has none."""

    words: str = ""
    music: str = ""

    def play(self, script: str) -> None:
        """That is played from now on; an empty one ends all."""
        if not script:
            self.words = self.music = ""
        elif prompts.is_looped(script):
            self.words, self.music = "", script
        else:
            self.words = script

    def ended(self, script: str) -> None:
        """It is over, or was cut short; music is only interrupted by words."""
        if script == self.words:
            self.words = ""

    def moved(self) -> None:
        """To another room: the music was that of where he was."""
        self.music = ""

    def again(self) -> tuple[str, ...]:
        """What is to be played in another mixer, in this order."""
        music = prompts.looped(self.music) if self.music else ""
        return tuple(filter(None, (music, self.words)))
