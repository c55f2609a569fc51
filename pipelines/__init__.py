"""Everyone, in batches: the stages that turn four channels of records into published customers."""

import os

# numpy asks as it is loaded. Arrays of a run are made and given back by the hundred, and of each huge page the kernel
# clears two megabytes anew.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
