"""The simulator's voice and ears: sine-wave speech, and a reader for it.

There is no speech recogniser here. `speak` turns text into sound with the rhythm of
speech, two tones for each character, and `hear` reads that sound back. A real person,
or another synthetic voice, cannot be understood: `hear` returns "" for it.
"""

from live.simulator.speech.alphabet import spoken_form
from live.simulator.speech.ears import Ears, hear
from live.simulator.speech.voice import phrase_pcm, phrases, speak

__all__ = ["Ears", "hear", "phrase_pcm", "phrases", "speak", "spoken_form"]
