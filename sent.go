package tenbit

// Sent is what the origin knows of a reply when its last byte has left.
type Sent struct {
	Digest uint32 // closes the message
	Bits   Bits   // information sent, the same number the edge decodes
	Mode   Mode
	Usage  Usage // of the large model
	Cut    bool  // the limit was reached
	// Reply is what both ends have from then on. It never travels by itself.
	Reply Reply
}
