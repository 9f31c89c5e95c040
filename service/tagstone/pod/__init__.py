"""The programs beside a run in its pod: `stage` fills the workspace before, `keep` watches over the run and brings its outputs after.

They stand on the standard library alone, and on those modules of Tagstone's that do: the image they run from holds nothing else. What
the author's code can write is read as a stranger's: by descriptor, no links, limited.
"""
