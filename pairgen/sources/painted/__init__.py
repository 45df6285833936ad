"""Pictures that are painted instead of read: the little world that the teacher `tiny` learned."""
