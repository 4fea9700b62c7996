"""This folder on the path, for the model providers that its tests share."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
