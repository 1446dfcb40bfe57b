// The other side of the tests in test/interop: programs that register and discover with the code of other stacks.
// Arguments: the stack and the endpoint of etcd. It answers each command, a line of JSON, with a line of JSON, and
// prints {"sees": …} whenever what it follows has changed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

type command struct {
	Do       string            `json:"do"`
	Service  string            `json:"service"`
	ID       string            `json:"id"`
	Address  string            `json:"address"`
	Metadata map[string]string `json:"metadata"`
	// Seconds.
	TTL int64 `json:"ttl"`
}

type stack interface {
	// Writes an instance. If it has written one before, it writes this one in its place.
	register(command) error
	// Ends the registration, as a process does that ends gracefully.
	leave() error
	// Follows a service, and reports everything that it sees of it at each change.
	follow(service string, sees func(any)) error
}

var stacks = map[string]func(endpoint string) (stack, error){
	"grpc-naming":   newGrpcNaming,
	"grpc-resolver": newGrpcResolver,
	"go-zero":       newGoZero,
	"go-kit":        newGoKit,
	"kratos":        newKratos,
}

type printer struct {
	sync.Mutex
	encoder *json.Encoder
}

func (p *printer) print(name string, value any) {
	p.Lock()
	defer p.Unlock()
	p.encoder.Encode(map[string]any{name: value})
}

func run(of stack, asked command, sees func(any)) (any, error) {
	switch asked.Do {
	case "register":
		return nil, of.register(asked)
	case "leave":
		return nil, of.leave()
	case "follow":
		return nil, of.follow(asked.Service, sees)
	}
	if special, ok := of.(interface{ run(command) (any, error) }); ok {
		return special.run(asked)
	}
	return nil, fmt.Errorf("this stack has no command %q", asked.Do)
}

func main() {
	start, known := stacks[os.Args[1]]
	if !known {
		panic("no stack is called " + os.Args[1])
	}
	of, err := start(os.Args[2])
	if err != nil {
		panic(err)
	}
	out := &printer{encoder: json.NewEncoder(os.Stdout)}
	out.print("answer", nil)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var asked command
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		answer, err := run(of, asked, func(seen any) { out.print("sees", seen) })
		if err != nil {
			out.print("error", err.Error())
		} else {
			out.print("answer", answer)
		}
	}
}
