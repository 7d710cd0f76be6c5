// A Go ext_proc server that does nothing but answer: the yardstick for the CPU cost of ours.
//
// It gives Go every advantage: a raw codec, so no protobuf is parsed or built, and answers made once. To each message it
// answers what Envoy expects for it, told apart by the first byte (the key of the oneof's member):
// request_headers 2, response_headers 3, request_body 4, response_body 5 in the request; the answers have 1, 2, 3, 4.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"google.golang.org/grpc"
)

type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error)      { return *(v.(*[]byte)), nil }
func (raw) Unmarshal(data []byte, v interface{}) error { *(v.(*[]byte)) = data; return nil }
func (raw) Name() string                               { return "proto" }
func (raw) String() string                             { return "proto" }

// delimited is a protobuf field with a length.
func delimited(field byte, content []byte) []byte {
	return append([]byte{field<<3 | 2, byte(len(content))}, content...)
}

func header(name, value string) []byte {
	pair := append(delimited(1, []byte(name)), delimited(3, []byte(value))...)
	return delimited(1, append(delimited(1, pair), 0x18, 0x02)) // append_action: OVERWRITE_IF_EXISTS_OR_ADD
}

func main() {
	runtime.GOMAXPROCS(2)
	// To the request body: one header set and clear_route_cache, as the other subjects do.
	mutation := delimited(2, header("x-extproc-cluster", os.Args[2]))
	steer := delimited(3, delimited(1, append(mutation, 0x28, 0x01)))
	answers := map[byte][]byte{2<<3 | 2: {1<<3 | 2, 0}, 3<<3 | 2: {2<<3 | 2, 0}, 4<<3 | 2: steer, 5<<3 | 2: {4<<3 | 2, 0}}

	process := func(_ interface{}, stream grpc.ServerStream) error {
		for {
			var message []byte
			if err := stream.RecvMsg(&message); err != nil {
				return nil
			}
			answer, known := answers[message[0]]
			if !known {
				return fmt.Errorf("a message of no kind that is asked for: %x", message[0])
			}
			if err := stream.SendMsg(&answer); err != nil {
				return err
			}
		}
	}

	server := grpc.NewServer(grpc.CustomCodec(raw{}), grpc.MaxRecvMsgSize(64<<20))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.ext_proc.v3.ExternalProcessor",
		HandlerType: (*interface{})(nil),
		Streams:     []grpc.StreamDesc{{StreamName: "Process", Handler: process, ServerStreams: true, ClientStreams: true}},
	}, new(interface{}))
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
