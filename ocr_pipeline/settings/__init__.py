"""Every setting of the pipeline in one frozen object.

Sources, the later winning: defaults, a TOML file, files of secrets in a folder, environment variables
(`OCR_PIPELINE_MIN_CONFIDENCE_THRESHOLD`, `OCR_PIPELINE_BROKER__URL`, ...), the command line. Secrets are never printed.
Names that stand in the serving requirements are kept as they are there.
"""

from ocr_pipeline.settings.engines import VllmSettings
from ocr_pipeline.settings.pipeline import CONFIG_VARIABLE, SECRETS_VARIABLE, Settings, load

__all__ = ["CONFIG_VARIABLE", "SECRETS_VARIABLE", "Settings", "VllmSettings", "load"]
