"""Everyone, in batches: the stages that turn four channels of records into published customers."""
