"""The console client: one person's talk, straight to Gemini Live or through Parley.

`talk` and `parley` are the two other ends, in the same words; `script` is what the person does;
`screen` shows it; `wav`, `typed` and `sound_card` are where sound and words come from and go.
"""
